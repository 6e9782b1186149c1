// Simple recurrent networks: h' = f(p), with f tanh or max(0, .) and p both products and biases.
#pragma once

#include "../cells.hpp"

namespace RNNKIT_NAMESPACE {

template <>
struct Cell<RNNKIT_TANH> : CellTraits {
  template <class T>
  static RNNKIT_INLINE void forward(const ForwardRow<T> &row, const T *, const T *sums, const T *,
                                    int64_t u, int64_t H) {
    store_at(row.h, Math<T>::tanh(Simd<T>::load(sums)), u, H);
  }

  template <class T>
  static RNNKIT_INLINE void backward(const BackwardRow<T> &row, typename Simd<T>::V dh, int64_t u,
                                     int64_t H) {
    store_at(row.dgates, Simd<T>::mul(dh, Slope<T>::tanh(load_at(row.h, u, H))), u, H);
  }
};

template <>
struct Cell<RNNKIT_RELU> : CellTraits {
  template <class T>
  static RNNKIT_INLINE void forward(const ForwardRow<T> &row, const T *, const T *sums, const T *,
                                    int64_t u, int64_t H) {
    using S = Simd<T>;
    store_at(row.h, S::max_nan(S::set(T(0)), S::load(sums)), u, H);
  }

  template <class T>
  static RNNKIT_INLINE void backward(const BackwardRow<T> &row, typename Simd<T>::V dh, int64_t u,
                                     int64_t H) {
    store_at(row.dgates, Simd<T>::where_positive(load_at(row.h, u, H), dh), u, H);
  }
};

}  // namespace RNNKIT_NAMESPACE
