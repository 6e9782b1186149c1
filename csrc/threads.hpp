// A team of threads that runs one function, and its barrier.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#define RNNKIT_PAUSE() _mm_pause()
#else
#define RNNKIT_PAUSE() ((void)0)
#endif
#if defined(_WIN32)
extern "C" __declspec(dllimport) int __stdcall SwitchToThread(void);
#define RNNKIT_YIELD() ((void)SwitchToThread())
#else
#include <sched.h>
#define RNNKIT_YIELD() ((void)sched_yield())
#endif

namespace RNNKIT_NAMESPACE {

// Spins for a while, then gives the core away: on a busy machine the others may not be running.
class Barrier {
 public:
  explicit Barrier(int count) : count_(count), arrived_(0), phase_(0) {}
  void wait() {
    if (count_ == 1) return;
    const int phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins) {
      if (spins < 20000)
        RNNKIT_PAUSE();
      else
        RNNKIT_YIELD();
    }
  }

 private:
  const int count_;
  alignas(64) std::atomic<int> arrived_;
  alignas(64) std::atomic<int> phase_;
};

// One member of a team, and its share: of the rows, or of the hidden units.
struct Worker {
  int id, count;
  bool by_units;
  Barrier *barrier;

  int64_t row_first() const { return by_units ? 0 : id; }
  int64_t row_step() const { return by_units ? 1 : count; }
  // This worker's run of n units (of all of them when rows are split).
  int64_t unit_begin(int64_t n) const { return by_units ? n * id / count : 0; }
  int64_t unit_end(int64_t n) const { return by_units ? n * (id + 1) / count : n; }
  // This worker's run of n things that all split.
  int64_t begin(int64_t n) const { return n * id / count; }
  int64_t end(int64_t n) const { return n * (id + 1) / count; }
  void wait() const { barrier->wait(); }
  // Where hidden units are split, every step ends with all of them.
  void end_step() const {
    if (by_units) barrier->wait();
  }
};

// work(worker) on `threads` threads of the OpenMP pool, the caller among them.
template <class Work>
void run_team(int threads, bool by_units, const Work &work) {
#ifdef _OPENMP
  if (threads > 1) {
    // The pool may give fewer than asked for: the barrier is made for those that came.
    alignas(64) char place[sizeof(Barrier) + 64];
    Barrier *barrier = nullptr;
#pragma omp parallel num_threads(threads)
    {
      const int count = omp_get_num_threads();
#pragma omp single
      {
        const auto address = (reinterpret_cast<uintptr_t>(place) + 63) & ~uintptr_t(63);
        barrier = new (reinterpret_cast<void *>(address)) Barrier(count);
      }
      work(Worker{omp_get_thread_num(), count, by_units && count > 1, barrier});
    }
    return;
  }
#endif
  (void)threads;
  (void)by_units;
  Barrier barrier(1);
  work(Worker{0, 1, false, &barrier});
}

// Places in one block of scratch memory: walked once to know its size, once more to hand them out.
class Carver {
 public:
  explicit Carver(void *base) : base_(static_cast<char *>(base)), used_(0) {}
  template <class T>
  T *take(int64_t count) {
    char *place = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return reinterpret_cast<T *>(place);
  }
  size_t used() const { return used_; }

 private:
  char *base_;
  size_t used_;
};

}  // namespace RNNKIT_NAMESPACE
