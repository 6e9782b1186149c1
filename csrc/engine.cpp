// All functions for one instruction set, RNNKIT_ISA; the build compiles this file once for each.
#include <cstdlib>
#include <new>

#include "backward.hpp"
#include "stream.hpp"

namespace RNNKIT_NAMESPACE {
namespace {

using rnnkit::Linear;

// Calls f with the type and the cell of a layer as constants.
template <class F>
auto with_cell(int64_t dtype, int64_t mode, F f) {
  return with_mode(mode, [&](auto m) {
    return dtype == RNNKIT_FLOAT32 ? f(float(), m) : f(double(), m);
  });
}

rnnkit_cell describe(int64_t mode) {
  return with_mode(mode, [](auto m) {
    using C = Cell<decltype(m)::value>;
    return rnnkit_cell{C::gates, C::memory ? 2 : 1, C::reserve, C::product, C::projects};
  });
}

int forward_any(const Call &call) {
  return with_cell(call.layer.dtype, call.layer.mode, [&](auto type, auto mode) {
    return forward<decltype(type), decltype(mode)::value>(call);
  });
}

int backward_any(const Call &call) {
  return with_cell(call.layer.dtype, call.layer.mode, [&](auto type, auto mode) {
    return backward<decltype(type), decltype(mode)::value>(call);
  });
}

template <class T>
int linear_of(const Linear &call) {
  using S = Simd<T>;
  const int64_t I = call.input_size, O = call.output_size, vectors = ceil_div(O, S::lanes);
  const double work = 2.0 * call.rows * I * O;
  const int threads = work < 4e5 ? 1 : call.threads;
  T *packed = nullptr, *buffer = nullptr, **outputs = nullptr;
  const T **inputs = nullptr;
  const auto carve = [&](Carver carver) {
    packed = carver.take<T>(vectors * S::lanes * I);
    buffer = carver.take<T>(threads * ROW_BLOCK * 4 * S::lanes);
    outputs = carver.take<T *>(call.rows);
    inputs = carver.take<const T *>(call.rows);
    return carver.used();
  };
  void *memory = call.scratch(carve(Carver(nullptr)));
  if (memory == nullptr) return RNNKIT_NO_MEMORY;
  carve(Carver(memory));
  run_team(threads, false, [&](const Worker &w) {
    const Panels panels(0, vectors, 4);
    const T *weight = static_cast<const T *>(call.weight), *bias = static_cast<const T *>(call.bias);
    pack_panels(panels, w.begin(panels.count), w.end(panels.count), packed, weight, I, O);
    const int64_t first = w.begin(call.rows), n = w.end(call.rows) - first;
    for (int64_t i = first; i < first + n; ++i) {
      inputs[i] = static_cast<const T *>(call.x) + i * call.x_row;
      outputs[i] = static_cast<T *>(call.y) + i * call.y_row;
    }
    w.wait();
    plain_product<T>(panels, inputs + first, n, packed, I, bias == nullptr ? nullptr : &bias, 0,
                     outputs + first, O, buffer + w.id * ROW_BLOCK * 4 * S::lanes);
  });
  return RNNKIT_OK;
}

int linear_any(const Linear &call) {
  return call.dtype == RNNKIT_FLOAT32 ? linear_of<float>(call) : linear_of<double>(call);
}

// The layers of a stream and the one block of memory that they share.
struct Stream {
  int64_t count;
  StreamLayer **layers;
  void *memory;
  int64_t *starts, *order;
};

void stream_free(void *handle) {
  Stream *stream = static_cast<Stream *>(handle);
  if (stream == nullptr) return;
  if (stream->layers != nullptr)
    for (int64_t i = 0; i < stream->count; ++i) delete stream->layers[i];
  std::free(stream->layers);
  std::free(stream->memory);
  std::free(stream->starts);
  std::free(stream->order);
  std::free(stream);
}

char *aligned(void *memory) {
  return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(memory) + 63) & ~uintptr_t(63));
}

void *stream_new(const rnnkit_layer *layers, int64_t count, int64_t sequences, int32_t threads) {
  Stream *stream = static_cast<Stream *>(std::calloc(1, sizeof(Stream)));
  if (stream == nullptr) return nullptr;
  stream->count = count;
  stream->layers = static_cast<StreamLayer **>(std::calloc(count, sizeof(StreamLayer *)));
  // A layout of one step, each sequence in its place.
  stream->starts = static_cast<int64_t *>(std::calloc(2, sizeof(int64_t)));
  stream->order = static_cast<int64_t *>(std::calloc(sequences, sizeof(int64_t)));
  if (stream->layers == nullptr || stream->starts == nullptr || stream->order == nullptr) {
    stream_free(stream);
    return nullptr;
  }
  stream->starts[1] = sequences;
  for (int64_t i = 0; i < sequences; ++i) stream->order[i] = i;
  const Layout layout{1, sequences, stream->starts, stream->order, nullptr, true, false};
  size_t bytes = 64;
  for (int64_t i = 0; i < count; ++i) {
    const rnnkit_layer &layer = layers[i];
    stream->layers[i] =
        with_cell(layer.dtype, layer.mode, [&](auto type, auto mode) -> StreamLayer * {
          return new (std::nothrow) StreamLayerOf<decltype(type), decltype(mode)::value>(
              layout, Sizes(layer, 1, sequences), layer.weights, threads);
        });
    if (stream->layers[i] == nullptr) {
      stream_free(stream);
      return nullptr;
    }
    bytes += stream->layers[i]->bytes();
  }
  stream->memory = std::malloc(bytes);
  if (stream->memory == nullptr) {
    stream_free(stream);
    return nullptr;
  }
  char *place = aligned(stream->memory);
  for (int64_t i = 0; i < count; ++i) {
    const size_t size = stream->layers[i]->bytes();
    stream->layers[i]->start(place);
    place += size;
  }
  return stream;
}

int stream_step(void *handle, int64_t sequences, const void *x, void *h, void *c, int32_t threads) {
  Stream *stream = static_cast<Stream *>(handle);
  if (sequences < 1 || sequences > stream->starts[1]) return RNNKIT_BAD_SIZE;
  for (int64_t i = 0; i < stream->count; ++i) {
    StreamLayer &layer = *stream->layers[i];
    x = layer.step(sequences, x, h, c, threads);
    h = layer.after_h(h, sequences);
    c = layer.after_c(c, sequences);
  }
  return RNNKIT_OK;
}

template <class T>
double spin_of(int32_t threads, int64_t iterations) {
  using S = Simd<T>;
  constexpr int R = S::rows(4);
  run_team(threads, false, [&](const Worker &) {
    typename S::V tile[R][4];
    T seed = T(1e-3);
    for (int r = 0; r < R; ++r)
      for (int j = 0; j < 4; ++j) tile[r][j] = S::set(seed * T(r + j));
    const auto a = S::set(T(0.999)), b = S::set(T(0.001));
    for (int64_t i = 0; i < iterations; ++i) {
      RNNKIT_UNROLL
      for (int r = 0; r < R; ++r) {
        RNNKIT_UNROLL
        for (int j = 0; j < 4; ++j) tile[r][j] = S::fma(tile[r][j], a, b);
      }
    }
    T out[S::lanes];
    volatile T sink = T(0);
    for (int r = 0; r < R; ++r)
      for (int j = 0; j < 4; ++j) {
        S::store(out, tile[r][j]);
        sink = sink + out[0];
      }
  });
  return 2.0 * R * 4 * S::lanes * static_cast<double>(iterations) * threads;
}

double spin(int32_t dtype, int32_t threads, int64_t iterations) {
  return dtype == RNNKIT_FLOAT32 ? spin_of<float>(threads, iterations)
                                 : spin_of<double>(threads, iterations);
}

}  // namespace
}  // namespace RNNKIT_NAMESPACE

#define RNNKIT_STRING2(x) #x
#define RNNKIT_STRING(x) RNNKIT_STRING2(x)

namespace rnnkit {
extern const Engine RNNKIT_CONCAT(engine_, RNNKIT_ISA);
const Engine RNNKIT_CONCAT(engine_, RNNKIT_ISA) = {
    RNNKIT_STRING(RNNKIT_ISA),
    RNNKIT_NAMESPACE::describe,
    RNNKIT_NAMESPACE::forward_any,
    RNNKIT_NAMESPACE::backward_any,
    RNNKIT_NAMESPACE::linear_any,
    RNNKIT_NAMESPACE::stream_new,
    RNNKIT_NAMESPACE::stream_step,
    RNNKIT_NAMESPACE::stream_free,
    RNNKIT_NAMESPACE::spin,
};
}  // namespace rnnkit
