// The C interface: checks, the order of the sequences, scratch memory, and the choice of an engine.
#include "rnnkit.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "call.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef _MSC_VER
#include <intrin.h>
#endif

namespace rnnkit {
extern const Engine engine_portable;
#ifdef RNNKIT_HAS_AVX512
extern const Engine engine_avx512;
#endif
#ifdef RNNKIT_HAS_AVX2
extern const Engine engine_avx2;
#endif
#ifdef RNNKIT_HAS_NEON
extern const Engine engine_neon;
#endif
}  // namespace rnnkit

namespace {

using rnnkit::Call;
using rnnkit::Engine;
using rnnkit::Layout;

#if defined(RNNKIT_HAS_AVX512) || defined(RNNKIT_HAS_AVX2)
#if defined(_MSC_VER)
// The processor's flag, and that the system saves the registers (bits of XCR0).
bool cpuid_bit(int leaf, int reg, int bit) {
  int found[4];
  __cpuidex(found, leaf, 0);
  return (found[reg] >> bit) & 1;
}
bool saves(unsigned long long bits) {
  return cpuid_bit(1, 2, 27) && (_xgetbv(0) & bits) == bits;
}
bool has_avx2() { return saves(0x6) && cpuid_bit(7, 1, 5) && cpuid_bit(1, 2, 12); }
bool has_avx512() {
  return has_avx2() && saves(0xe6) && cpuid_bit(7, 1, 16) && cpuid_bit(7, 1, 17) &&
         cpuid_bit(7, 1, 30) && cpuid_bit(7, 1, 31);
}
#else
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
#endif

// Best first.
const std::vector<const Engine *> &engines() {
  static const std::vector<const Engine *> found = [] {
    std::vector<const Engine *> list;
#ifdef RNNKIT_HAS_AVX512
    if (has_avx512()) list.push_back(&rnnkit::engine_avx512);
#endif
#ifdef RNNKIT_HAS_AVX2
    if (has_avx2()) list.push_back(&rnnkit::engine_avx2);
#endif
#ifdef RNNKIT_HAS_NEON
    list.push_back(&rnnkit::engine_neon);
#endif
    list.push_back(&rnnkit::engine_portable);
    return list;
  }();
  return found;
}

std::atomic<const Engine *> chosen{nullptr};
std::atomic<bool> forked{false};

const Engine &engine() {
  const Engine *now = chosen.load(std::memory_order_relaxed);
  return now != nullptr ? *now : *engines().front();
}

int32_t usable(int64_t threads) {
#ifdef _OPENMP
  if (forked.load(std::memory_order_relaxed) || threads < 1) return 1;
  return static_cast<int32_t>(threads < rnnkit::MOST_THREADS ? threads : rnnkit::MOST_THREADS);
#else
  (void)threads;
  return 1;
#endif
}

// Memory that lives on between the calls of a thread: for small layers, fresh pages would cost as
// much as the arithmetic. What is large is given back when the call ends.
class Scratch {
 public:
  ~Scratch() { std::free(memory_); }
  void *take(size_t bytes) {
    if (bytes + 64 > size_) {
      std::free(memory_);
      size_ = bytes + 64;
      memory_ = std::malloc(size_);
      if (memory_ == nullptr) size_ = 0;
    }
    if (memory_ == nullptr) return nullptr;
    return reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(memory_) + 63) & ~uintptr_t(63));
  }
  void release_large() {
    if (size_ <= KEPT) return;
    std::free(memory_);
    memory_ = nullptr, size_ = 0;
  }

 private:
  static constexpr size_t KEPT = size_t(64) << 20;
  void *memory_ = nullptr;
  size_t size_ = 0;
};

thread_local Scratch scratch;
void *take_scratch(size_t bytes) { return scratch.take(bytes); }

// The place of the length or batch size that was refused.
thread_local int64_t refused = 0;

// The sequences' order, lengths and first rows; kept between calls like the scratch memory.
class Order {
 public:
  // Fills `layout`, or says what is wrong.
  int arrange(const rnnkit_call &p, Layout &layout) {
    const int64_t T = p.steps, B = p.sequences;
    starts_.resize(T + 1), order_.resize(B), lengths_.resize(B);
    const int status = p.batch_sizes != nullptr ? from_batch_sizes(p) : from_lengths(p);
    layout = {T, B, starts_.data(), order_.data(), lengths_.data(), p.batch_sizes != nullptr,
              p.reverse != 0};
    return status;
  }

 private:
  int from_batch_sizes(const rnnkit_call &p) {
    const int64_t T = p.steps, B = p.sequences;
    int64_t before = B;
    starts_[0] = 0;
    for (int64_t t = 0; t < T; ++t) {
      const int64_t now = p.batch_sizes[t];
      if (now < 1 || now > before || (t == 0 && now != B)) {
        refused = t;
        return RNNKIT_BAD_BATCH_SIZES;
      }
      for (int64_t r = now; r < before; ++r) lengths_[r] = t;
      starts_[t + 1] = starts_[t] + now;
      before = now;
    }
    for (int64_t r = 0; r < before; ++r) lengths_[r] = T;
    for (int64_t r = 0; r < B; ++r) order_[r] = r;
    return RNNKIT_OK;
  }

  // Longest first, equal ones in the order given: by counting.
  int from_lengths(const rnnkit_call &p) {
    const int64_t T = p.steps, B = p.sequences;
    std::vector<int64_t> &longer = starts_;  // longer[t]: sequences with more than t steps
    std::fill(longer.begin(), longer.end(), 0);
    for (int64_t b = 0; b < B; ++b) {
      const int64_t length = p.lengths == nullptr ? T : p.lengths[b];
      if (length < 1 || length > T) {
        refused = b;
        return RNNKIT_BAD_LENGTH;
      }
      ++longer[length - 1];
    }
    for (int64_t t = T - 1; t >= 0; --t) longer[t] += longer[t + 1];
    place_.assign(longer.begin(), longer.end());
    for (int64_t b = 0; b < B; ++b) {
      const int64_t length = p.lengths == nullptr ? T : p.lengths[b];
      const int64_t r = place_[length]++;
      order_[r] = b, lengths_[r] = length;
    }
    int64_t sum = 0;
    for (int64_t t = 0; t <= T; ++t) {
      const int64_t count = longer[t];
      starts_[t] = sum;
      sum += count;
    }
    return RNNKIT_OK;
  }

  std::vector<int64_t> starts_, order_, lengths_, place_;
};

thread_local Order order;

bool known(int64_t mode) { return mode >= 0 && mode < RNNKIT_MODES; }

bool good(const rnnkit_layer &p) {
  return known(p.mode) && p.dtype >= RNNKIT_FLOAT32 && p.dtype <= RNNKIT_FLOAT64 &&
         p.input_size > 0 && p.hidden_size > 0 && p.proj_size >= 0 &&
         (p.proj_size == 0 || engine().describe(p.mode).projects);
}

// Checks a call and runs one of the engine's functions on it.
int run(const rnnkit_call &given, int (*function)(const Call &)) {
  if (!good(given.layer) || given.steps < 1 || given.sequences < 1 || given.checkpoint < 0)
    return RNNKIT_BAD_SIZE;
  Call call{given, {}, take_scratch};
  call.threads = usable(given.threads);
  if (call.kept == nullptr) call.checkpoint = 0;  // without room for its states it means nothing
  try {
    const int status = order.arrange(given, call.layout);
    if (status != RNNKIT_OK) return status;
  } catch (const std::bad_alloc &) {
    return RNNKIT_NO_MEMORY;
  }
  const int status = function(call);
  scratch.release_large();
  return status;
}

}  // namespace

extern "C" {

int rnnkit_forward(const rnnkit_call *call) {
  const bool keeps_gates = call->kept != nullptr && call->checkpoint == 0;
  if (keeps_gates && call->y.data == nullptr) return RNNKIT_BAD_SIZE;
  return run(*call, engine().forward);
}

int rnnkit_backward(const rnnkit_call *call) {
  if (call->checkpoint > 0 ? call->kept == nullptr : call->y.data == nullptr) return RNNKIT_BAD_SIZE;
  return run(*call, engine().backward);
}

int64_t rnnkit_refused(void) { return refused; }

int rnnkit_linear(int32_t dtype, int32_t threads, int64_t rows, int64_t input_size,
                  int64_t output_size, const void *x, int64_t x_row, const void *weight,
                  const void *bias, void *y, int64_t y_row) {
  if (rows < 0 || input_size < 0 || output_size < 0) return RNNKIT_BAD_SIZE;
  if (rows == 0 || output_size == 0) return RNNKIT_OK;
  const rnnkit::Linear call{dtype, usable(threads), rows,   input_size, output_size, x_row,
                            y_row, x,               weight, bias,       y,           take_scratch};
  const int status = engine().linear(call);
  scratch.release_large();
  return status;
}

int rnnkit_describe(int64_t mode, rnnkit_cell *cell) {
  if (!known(mode)) return RNNKIT_BAD_SIZE;
  *cell = engine().describe(mode);
  return RNNKIT_OK;
}

// A stream belongs to the engine that made it, also after another was chosen.
struct rnnkit_stream {
  const Engine *engine;
  void *handle;
};

rnnkit_stream *rnnkit_stream_new(const rnnkit_layer *layers, int64_t count, int64_t sequences,
                                 int32_t threads) {
  if (count < 1 || sequences < 1) return nullptr;
  for (int64_t i = 0; i < count; ++i)
    if (!good(layers[i])) return nullptr;
  rnnkit_stream *stream = static_cast<rnnkit_stream *>(std::malloc(sizeof(rnnkit_stream)));
  if (stream == nullptr) return nullptr;
  stream->engine = &engine();
  stream->handle = stream->engine->stream_new(layers, count, sequences, usable(threads));
  if (stream->handle != nullptr) return stream;
  std::free(stream);
  return nullptr;
}

int rnnkit_stream_step(rnnkit_stream *stream, int64_t sequences, const void *x, void *h, void *c,
                       int32_t threads) {
  return stream->engine->stream_step(stream->handle, sequences, x, h, c, usable(threads));
}

void rnnkit_stream_free(rnnkit_stream *stream) {
  if (stream == nullptr) return;
  stream->engine->stream_free(stream->handle);
  std::free(stream);
}

const char *rnnkit_isas(void) {
  static const std::string names = [] {
    std::string list;
    for (const Engine *one : engines()) list += (list.empty() ? "" : ",") + std::string(one->name);
    return list;
  }();
  return names.c_str();
}

const char *rnnkit_isa(void) { return engine().name; }

int rnnkit_use_isa(const char *name) {
  for (const Engine *one : engines())
    if (std::strcmp(one->name, name) == 0) {
      chosen.store(one);
      return RNNKIT_OK;
    }
  return RNNKIT_BAD_SIZE;
}

int rnnkit_has_threads(void) {
#ifdef _OPENMP
  return 1;
#else
  return 0;
#endif
}

void rnnkit_after_fork(void) { forked.store(true); }

double rnnkit_peak(int32_t dtype, int32_t threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const Clock::time_point start = Clock::now();
  double best = 0;
  do {
    const Clock::time_point begin = Clock::now();
    const double operations = engine().spin(dtype, usable(threads), 1 << 20);
    const double rate = operations / since(begin);
    if (rate > best) best = rate;
  } while (since(start) < seconds);
  return best;
}

int32_t rnnkit_abi(void) { return RNNKIT_ABI; }

}  // extern "C"
