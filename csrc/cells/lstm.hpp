// A long short-term memory without peepholes. Slots: i, f, g, o.
#pragma once

#include "../cells.hpp"

namespace RNNKIT_NAMESPACE {

template <>
struct Cell<RNNKIT_LSTM> : CellTraits {
  static constexpr int gates = 4, slots = 4, reserve = 5;
  static constexpr bool memory = true, projects = true;

  // c' = f c + i g ;  h' = o tanh(c')
  template <class T>
  static RNNKIT_INLINE void forward(const ForwardRow<T> &row, const T *, const T *sums, const T *,
                                    int64_t u, int64_t H) {
    using S = Simd<T>;
    using M = Math<T>;
    using V = typename S::V;
    const V i = M::sigmoid(S::load(sums)), f = M::sigmoid(S::load(sums + S::lanes));
    const V g = M::tanh(S::load(sums + 2 * S::lanes)), o = M::sigmoid(S::load(sums + 3 * S::lanes));
    const V c = S::fma(f, load_at(row.c, u, H), S::mul(i, g));
    store_at(row.c, c, u, H);
    store_at(row.h, S::mul(o, M::tanh(c)), u, H);
    if (row.kept == nullptr) return;
    store_at(row.pre, i, u, H);
    store_at(row.pre + H, f, u, H);
    store_at(row.pre + 2 * H, g, u, H);
    store_at(row.pre + 3 * H, o, u, H);
    store_at(row.kept, c, u, H);
  }

  template <class T>
  static RNNKIT_INLINE void backward(const BackwardRow<T> &row, typename Simd<T>::V dh, int64_t u,
                                     int64_t H) {
    using S = Simd<T>;
    using V = typename S::V;
    const V i = load_at(row.kept, u, H), f = load_at(row.kept + H, u, H);
    const V g = load_at(row.kept + 2 * H, u, H), o = load_at(row.kept + 3 * H, u, H);
    const V t = Math<T>::tanh(load_at(row.kept + 4 * H, u, H));
    const V dc = S::fma(S::mul(dh, o), Slope<T>::tanh(t), load_at(row.dc, u, H));
    store_at(row.dgates, S::mul(S::mul(dc, g), Slope<T>::sigmoid(i)), u, H);
    store_at(row.dgates + H,
             S::mul(S::mul(dc, load_at(row.c_before, u, H)), Slope<T>::sigmoid(f)), u, H);
    store_at(row.dgates + 2 * H, S::mul(S::mul(dc, i), Slope<T>::tanh(g)), u, H);
    store_at(row.dgates + 3 * H, S::mul(S::mul(dh, t), Slope<T>::sigmoid(o)), u, H);
    store_at(row.dc, S::mul(dc, f), u, H);
    if (row.hidden != nullptr) store_at(row.hidden, S::mul(o, t), u, H);
  }
};

}  // namespace RNNKIT_NAMESPACE
