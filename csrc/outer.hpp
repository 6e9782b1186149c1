// The gradients of the weights: sums over rows of outer products, a^T b.
#pragma once

#include "cells.hpp"
#include "rows.hpp"
#include "threads.hpp"

namespace RNNKIT_NAMESPACE {

// One factor b of a^T b: rows of `width` values by pointers, and where the result (columns of a by
// `width`) is added to. Its vectors are packed as panels of at most three.
template <class T>
struct Factor {
  static constexpr int most = 3;
  const T *const *rows;
  int64_t width;
  T *packed;

  Panels panels() const { return Panels(0, ceil_div(width, Simd<T>::lanes), most); }
  static int64_t packed_size(int64_t width, int64_t rows) {
    return ceil_div(width, Simd<T>::lanes) * Simd<T>::lanes * rows;
  }
  void pack(int64_t first, int64_t n) const {
    using S = Simd<T>;
    const Panels p = panels();
    for (int64_t i = 0; i < p.count; ++i) {
      const int64_t v = p.first(i), size = p.size(i);
      T *to = packed + v * S::lanes * n;
      for (int64_t k = 0; k < n; ++k)
        for (int64_t j = 0; j < size; ++j, to += S::lanes)
          S::store(to, load_at(rows[first + k], (v + j) * S::lanes, width));
    }
  }
};

// Rows over which a sum runs in registers before it is added to the result: the rounding errors of
// long sums grow with the square root of the block and of the number of blocks instead of N.
constexpr int64_t OUTER_ROWS = 192;

template <class T>
struct Outer {
  using S = Simd<T>;
  using V = typename S::V;
  static constexpr int lanes = S::lanes;

  // to[m][:] += a[:, m]^T b over n rows, for the first `columns` columns of a packed panel.
  static void add(const T *a, int columns, const Factor<T> &b, int64_t n, T *to) {
    const Panels panels = b.panels();
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t v = panels.first(p);
      const T *panel = b.packed + v * lanes * n;
      switch (panels.size(p)) {
        case 1: blocks<1>(a, columns, panel, n, to, v * lanes, b.width); break;
        case 2: blocks<2>(a, columns, panel, n, to, v * lanes, b.width); break;
        default: blocks<3>(a, columns, panel, n, to, v * lanes, b.width); break;
      }
    }
  }

  // Pack columns u.. of rows [first, first + n) of a, (n, lanes), and give their sums.
  static V pack(const T *const *rows, int64_t first, int64_t n, int64_t u, int64_t columns, T *to) {
    V sum = S::set(T(0));
    for (int64_t k = 0; k < n; ++k) {
      const V v = load_at(rows[first + k], u, columns);
      S::store(to + k * lanes, v);
      sum = S::add(sum, v);
    }
    return sum;
  }

 private:
  template <int NV>
  static void blocks(const T *a, int columns, const T *b, int64_t n, T *to, int64_t u,
                     int64_t width) {
    constexpr int most = S::rows(NV);
    const int64_t count = ceil_div(columns, most);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t m = run_begin(columns, count, i);
      block<most, NV>(static_cast<int>(run_begin(columns, count, i + 1) - m), a + m, b, n,
                      to + m * width, u, width);
    }
  }

  template <int R, int NV>
  static RNNKIT_INLINE void block(int count, const T *a, const T *b, int64_t n, T *to, int64_t u,
                                  int64_t width) {
    if (count == R) {
      V tile[R][NV];
      for (int r = 0; r < R; ++r)
        for (int j = 0; j < NV; ++j) tile[r][j] = S::set(T(0));
      for (int64_t k = 0; k < n; ++k, a += lanes, b += NV * lanes) {
        V bv[NV];
        RNNKIT_UNROLL
        for (int j = 0; j < NV; ++j) bv[j] = S::load(b + j * lanes);
        RNNKIT_UNROLL
        for (int r = 0; r < R; ++r) {
          const V x = S::set(a[r]);
          RNNKIT_UNROLL
          for (int j = 0; j < NV; ++j) tile[r][j] = S::fma(x, bv[j], tile[r][j]);
        }
      }
      RNNKIT_UNROLL
      for (int r = 0; r < R; ++r) {
        RNNKIT_UNROLL
        for (int j = 0; j < NV; ++j) {
          const int64_t at = u + j * lanes;
          store_at(to + r * width, S::add(tile[r][j], load_at(to + r * width, at, width)), at, width);
        }
      }
    } else if constexpr (R > 1) {
      block<R - 1, NV>(count, a, b, n, to, u, width);
    }
  }
};

}  // namespace RNNKIT_NAMESPACE
