// A gated recurrent unit, its reset after the product.
//
// Its new state takes the two products apart, so that its slots are n, r, z, W_hn h + b_hn: those of
// the input's side are n, r, z, and those of the hidden state's r, z and the last.
#pragma once

#include "../cells.hpp"

namespace RNNKIT_NAMESPACE {

template <>
struct Cell<RNNKIT_GRU> : CellTraits {
  static constexpr int gates = 3, slots = 4, reserve = 4, first_hidden = 1;
  static constexpr bool carries = true, apart = true;
  static constexpr int input_gate(int slot) { return (slot + 2) % 3; }

  // h' = (1 - z) n + z h = n + z (h - n)
  template <class T>
  static RNNKIT_INLINE void forward(const ForwardRow<T> &row, const T *h, const T *sums,
                                    const T *bias, int64_t u, int64_t H) {
    using S = Simd<T>;
    using M = Math<T>;
    using V = typename S::V;
    const V r = M::sigmoid(S::load(sums)), z = M::sigmoid(S::load(sums + S::lanes));
    const V hidden = S::add(S::load(sums + 2 * S::lanes), S::load(bias + u));
    const V n = M::tanh(S::fma(r, hidden, load_at(row.pre, u, H)));
    store_at(row.h, S::fma(z, S::sub(load_at(h, u, H), n), n), u, H);
    if (row.kept == nullptr) return;
    store_at(row.pre, n, u, H);
    store_at(row.pre + H, r, u, H);
    store_at(row.pre + 2 * H, z, u, H);
    store_at(row.pre + 3 * H, hidden, u, H);
  }

  template <class T>
  static RNNKIT_INLINE void backward(const BackwardRow<T> &row, typename Simd<T>::V dh, int64_t u,
                                     int64_t H) {
    using S = Simd<T>;
    using V = typename S::V;
    const V n = load_at(row.kept, u, H), r = load_at(row.kept + H, u, H);
    const V z = load_at(row.kept + 2 * H, u, H), hidden = load_at(row.kept + 3 * H, u, H);
    const V dn = S::mul(S::fnma(z, dh, dh), Slope<T>::tanh(n));
    const V dz = S::mul(S::mul(dh, S::sub(load_at(row.h_before, u, H), n)), Slope<T>::sigmoid(z));
    store_at(row.dgates, dn, u, H);
    store_at(row.dgates + H, S::mul(S::mul(dn, hidden), Slope<T>::sigmoid(r)), u, H);
    store_at(row.dgates + 2 * H, dz, u, H);
    store_at(row.dgates + 3 * H, S::mul(dn, r), u, H);
    store_at(row.dh, S::mul(dh, z), u, H);
  }
};

}  // namespace RNNKIT_NAMESPACE
