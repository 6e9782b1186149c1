// A stack of layers that steps without allocating.
#pragma once

#include <cstdlib>

#include "forward.hpp"

namespace RNNKIT_NAMESPACE {

// One layer of a stream, whatever its cell and type.
class StreamLayer {
 public:
  virtual ~StreamLayer() = default;
  // How much memory it needs; then, once, the memory.
  virtual size_t bytes() = 0;
  virtual void start(void *memory) = 0;
  // Returns the layer's output, its new h.
  virtual const void *step(int64_t n, const void *x, void *h, void *c, int threads) = 0;
  // Where the states of the layer after this one begin, so many sequences a layer.
  virtual void *after_h(void *h, int64_t n) const = 0;
  virtual void *after_c(void *c, int64_t n) const = 0;
};

template <class T, int Mode>
class StreamLayerOf final : public StreamLayer {
  using C = Cell<Mode>;

 public:
  StreamLayerOf(const Layout &layout, const Sizes &sizes, const rnnkit_weights &weights, int threads)
      : s_(sizes), shares_(shares(sizes, threads)), net_(layout, sizes, weights) {}

  size_t bytes() override {
    Carver carver(nullptr);
    carve(carver);
    return carver.used();
  }
  void start(void *memory) override {
    Carver carver(memory);
    carve(carver);
    Barrier barrier(1);
    for (int share = 0; share < shares_; ++share) net_.pack(share_of(share, &barrier));
  }
  const void *step(int64_t n, const void *x, void *h, void *c, int threads) override {
    const T *input = static_cast<const T *>(x);
    T *state = static_cast<T *>(h), *cell = static_cast<T *>(c);
    for (int64_t i = 0; i < n; ++i) {
      inputs_[i] = input + i * s_.I;
      hidden_[i] = state + i * s_.P;
      pre_[i] = pre_all_ + i * C::gates * s_.H;
      T *out = new_h_ + i * s_.H;
      rows_[i] = {pre_[i], C::memory ? cell + i * s_.H : nullptr, nullptr, out};
    }
    run_team(threads < shares_ ? threads : shares_, false, [&](const Worker &w) {
      for (int share = w.id; share < shares_; share += w.count) {
        const Worker part = share_of(share, nullptr);
        net_.project_rows(part, n, inputs_, pre_);
        net_.step_rows(part, n, hidden_, pre_, rows_);
      }
      w.wait();
      const int64_t begin = w.begin(n * s_.P), end = w.end(n * s_.P);
      if (!s_.projected) copy(state + begin, new_h_ + begin, end - begin);
    });
    if (s_.projected) {
      for (int64_t i = 0; i < n; ++i) {
        hidden_[i] = new_h_ + i * s_.H;
        pre_[i] = state + i * s_.P;
      }
      net_.project_output(share_of(0, nullptr), n, hidden_, pre_);
    }
    return h;
  }
  void *after_h(void *h, int64_t n) const override { return static_cast<T *>(h) + n * s_.P; }
  void *after_c(void *c, int64_t n) const override {
    return c == nullptr ? nullptr : static_cast<T *>(c) + n * s_.H;
  }

 private:
  // Weights that outgrow a core's cache are shared out, a part of the units to each.
  static int shares(const Sizes &s, int threads) {
    const int64_t bytes = C::gates * s.H * (s.I + s.P) * static_cast<int64_t>(sizeof(T));
    const int most = static_cast<int>(ceil_div(s.H, Simd<T>::lanes));
    if (s.projected || bytes < (768 << 10) || threads < 1) return 1;
    return threads < most ? threads : most;
  }
  Worker share_of(int share, Barrier *barrier) const {
    return {share, shares_, shares_ > 1, barrier};
  }

  void carve(Carver &carver) {
    net_.carve(carver, shares_, 1, false);
    inputs_ = carver.take<const T *>(s_.B);
    hidden_ = carver.take<const T *>(s_.B);
    pre_ = carver.take<T *>(s_.B);
    rows_ = carver.take<ForwardRow<T>>(s_.B);
    pre_all_ = carver.take<T>(s_.B * C::gates * s_.H);
    new_h_ = carver.take<T>(s_.B * s_.H);
  }

  const Sizes s_;
  const int shares_;
  Forward<T, Mode> net_;
  const T **inputs_, **hidden_;
  T **pre_, *pre_all_, *new_h_;
  ForwardRow<T> *rows_;
};

}  // namespace RNNKIT_NAMESPACE
