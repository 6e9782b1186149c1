// Matrix products by one micro-kernel: R rows times NV vectors of outputs, summed in registers.
//
// Every output is one running sum over k in order, whatever R, the blocking and the threads are:
// that is what makes a row's result independent of the rows beside it.
#pragma once

#include <cstdint>
#include <cstring>

#include "activations.hpp"

namespace RNNKIT_NAMESPACE {

// What the sums of a panel start from: zeros, or for the first `count` of its vectors, vector j of row r
// at rows[r * row_step] + offset + j * stride, of which max(left - j * narrow, 0) values are there.
template <class T>
struct Init {
  const T *const *rows = nullptr;
  int64_t row_step = 1, offset = 0, stride = 0, left = 0, narrow = 0;
  int count = 4;
};

// sums (R, NV, lanes) = init + a w; a: R rows by pointers, w: (K, NV * lanes) packed. resume: go on
// from the sums that are there.
template <class T, int R, int NV>
void multiply(const T *const *rows, int64_t offset, const T *w, int64_t K, const Init<T> &init,
              bool resume, T *sums) {
  using S = Simd<T>;
  using V = typename S::V;
  V tile[R][NV];
  const T *a[R];
  RNNKIT_UNROLL
  for (int r = 0; r < R; ++r) {
    a[r] = rows[r] + offset;
    RNNKIT_UNROLL
    for (int j = 0; j < NV; ++j) {
      if (resume) {
        tile[r][j] = S::load(sums + (r * NV + j) * S::lanes);
      } else if (init.rows != nullptr && j < init.count) {
        const T *from = init.rows[r * init.row_step] + init.offset + j * init.stride;
        const int64_t left = init.left - j * init.narrow;
        tile[r][j] = left >= S::lanes ? S::load(from) : S::load(from, static_cast<int>(left));
      } else {
        tile[r][j] = S::set(T(0));
      }
    }
  }
  for (int64_t k = 0; k < K; ++k) {
    V wv[NV];
    RNNKIT_UNROLL
    for (int j = 0; j < NV; ++j) wv[j] = S::load(w + j * S::lanes);
    RNNKIT_UNROLL
    for (int r = 0; r < R; ++r) {
      const V x = S::set(a[r][k]);
      RNNKIT_UNROLL
      for (int j = 0; j < NV; ++j) tile[r][j] = S::fma(x, wv[j], tile[r][j]);
    }
    w += NV * S::lanes;
  }
  RNNKIT_UNROLL
  for (int r = 0; r < R; ++r) {
    RNNKIT_UNROLL
    for (int j = 0; j < NV; ++j) S::store(sums + (r * NV + j) * S::lanes, tile[r][j]);
  }
}

template <class T>
using Multiply = void (*)(const T *const *, int64_t, const T *, int64_t, const Init<T> &, bool, T *);

// The micro-kernel for so many rows and vectors; beyond what the registers hold there is none.
template <class T>
Multiply<T> multiply_for(int64_t rows, int64_t vectors) {
  using S = Simd<T>;
#define RNNKIT_KERNEL(R, NV) R <= S::rows(NV) ? multiply<T, (R <= S::rows(NV) ? R : 1), NV> : nullptr
#define RNNKIT_KERNELS(NV)                                                                      \
  {                                                                                             \
    RNNKIT_KERNEL(1, NV), RNNKIT_KERNEL(2, NV), RNNKIT_KERNEL(3, NV), RNNKIT_KERNEL(4, NV),     \
        RNNKIT_KERNEL(5, NV), RNNKIT_KERNEL(6, NV), RNNKIT_KERNEL(7, NV), RNNKIT_KERNEL(8, NV), \
  }
  static constexpr Multiply<T> table[4][8] = {RNNKIT_KERNELS(1), RNNKIT_KERNELS(2),
                                              RNNKIT_KERNELS(3), RNNKIT_KERNELS(4)};
#undef RNNKIT_KERNELS
#undef RNNKIT_KERNEL
  return table[vectors - 1][rows - 1];
}

// How `count` things fall into `parts` nearly equal runs: where run i begins. A division takes as long as
// a small product, and mostly one part is all.
inline int64_t run_begin(int64_t count, int64_t parts, int64_t i) {
  return parts == 1 ? count * i : count * i / parts;
}
inline int64_t ceil_div(int64_t a, int64_t b) { return a <= b ? a > 0 : (a + b - 1) / b; }

// The vectors of outputs [begin, end) as panels of at most `most` vectors, nearly equal.
struct Panels {
  int64_t begin, end, count;
  Panels(int64_t first, int64_t last, int64_t most)
      : begin(first), end(last), count(ceil_div(last - first, most)) {}
  int64_t first(int64_t i) const { return begin + run_begin(end - begin, count, i); }
  int64_t size(int64_t i) const { return first(i + 1) - first(i); }
};

// Blocks of k for which a panel of weights stays in the second cache while all rows pass by.
constexpr int64_t K_BLOCK = 512;
constexpr int64_t ROW_BLOCK = 96;

// One panel of NV vectors for all n rows: finish(sums, i, R) after (R, NV, lanes) sums of the rows
// i .. i + R - 1 are complete. buffer: room for ROW_BLOCK * 4 * lanes values.
template <class T, class Finish>
RNNKIT_INLINE void panel_product(int64_t vectors, const T *const *rows, int64_t n, const T *w, int64_t K,
                          const Init<T> &init, T *buffer, const Finish &finish) {
  const int64_t width = vectors * Simd<T>::lanes, most = Simd<T>::rows(static_cast<int>(vectors));
  const bool whole = K <= K_BLOCK + K_BLOCK / 2 || n <= most;
  const int64_t parts = whole ? 1 : ceil_div(K, K_BLOCK);
  for (int64_t begin = 0; begin < n; begin += ROW_BLOCK) {
    const int64_t count = n - begin < ROW_BLOCK ? n - begin : ROW_BLOCK;
    const int64_t blocks = ceil_div(count, most);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t k = run_begin(K, parts, part), end = run_begin(K, parts, part + 1);
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t row = run_begin(count, blocks, block), i = begin + row;
        const int64_t R = run_begin(count, blocks, block + 1) - row;
        T *sums = whole ? buffer : buffer + row * width;
        Init<T> start = init;
        if (start.rows != nullptr) start.rows += i * start.row_step;
        multiply_for<T>(R, vectors)(rows + i, k, w + k * width, end - k, start, part > 0, sums);
        if (part + 1 == parts) finish(sums, i, static_cast<int>(R));
      }
    }
  }
}

// Load or store a vector at column u of H: the last one may be short.
template <class T>
RNNKIT_INLINE typename Simd<T>::V load_at(const T *p, int64_t u, int64_t H) {
  const int64_t left = H - u;
  return left >= Simd<T>::lanes ? Simd<T>::load(p + u)
                                : Simd<T>::load(p + u, static_cast<int>(left));
}
template <class T>
RNNKIT_INLINE void store_at(T *p, typename Simd<T>::V v, int64_t u, int64_t H) {
  const int64_t left = H - u;
  if (left >= Simd<T>::lanes)
    Simd<T>::store(p + u, v);
  else
    Simd<T>::store(p + u, v, static_cast<int>(left));
}

// Store the sums of R rows of a panel: vector j of row r at rows[r] + offset + j * stride, as Init reads.
template <class T>
void store_panel(const T *sums, int R, int64_t vectors, T *const *rows, int64_t offset,
                 int64_t stride, int64_t left, int64_t narrow) {
  using S = Simd<T>;
  for (int r = 0; r < R; ++r)
    for (int64_t j = 0; j < vectors; ++j, sums += S::lanes)
      store_at(rows[r] + offset + j * stride, S::load(sums), 0, left - j * narrow);
}

// outputs = init + rows w for all panels, outputs and init (or null: zeros; row_step 0: the same for all
// rows) of `columns` columns.
template <class T>
void plain_product(const Panels &panels, const T *const *rows, int64_t n, const T *w, int64_t K,
                   const T *const *init, int64_t row_step, T *const *outputs, int64_t columns,
                   T *buffer) {
  constexpr int64_t lanes = Simd<T>::lanes;
  for (int64_t p = 0; p < panels.count; ++p) {
    const int64_t v = panels.first(p), size = panels.size(p), u = v * lanes;
    const Init<T> start{init, row_step, u, lanes, columns - u, lanes, 4};
    panel_product<T>(size, rows, n, w + u * K, K, start, buffer,
                     [&](const T *sums, int64_t i, int R) {
                       store_panel(sums, R, size, outputs + i, u, lanes, columns - u, lanes);
                     });
  }
}

// Pack rows of w (by row, K columns) as outputs: dst (K, lanes) at stride `width` a k, from the rows
// first, first + 1, ... of `count`; lanes past them are 0.
template <class T>
void pack_rows(T *dst, int64_t width, const T *w, int64_t K, int64_t count) {
  constexpr int lanes = Simd<T>::lanes;
  constexpr int64_t BLOCK = 16;
  const int64_t n = count < lanes ? count : lanes;
  for (int64_t k = 0; k < K; k += BLOCK) {
    const int64_t end = K - k < BLOCK ? K - k : BLOCK;
    for (int64_t i = 0; i < n; ++i) {
      const T *src = w + i * K + k;
      for (int64_t j = 0; j < end; ++j) dst[(k + j) * width + i] = src[j];
    }
    for (int64_t j = 0; j < end; ++j)
      for (int64_t i = n; i < lanes; ++i) dst[(k + j) * width + i] = T(0);
  }
}

// Panels [first, last) of outputs that are rows of w, each panel (K, vectors * lanes).
template <class T>
void pack_panels(const Panels &panels, int64_t first, int64_t last, T *to, const T *w, int64_t K,
                 int64_t outputs) {
  constexpr int lanes = Simd<T>::lanes;
  for (int64_t p = first; p < last; ++p)
    for (int64_t j = 0; j < panels.size(p); ++j) {
      const int64_t u = (panels.first(p) + j) * lanes;
      pack_rows(to + panels.first(p) * lanes * K + j * lanes, panels.size(p) * lanes, w + u * K, K,
                outputs - u);
    }
}

// Pack columns of w (K rows, `columns` columns) as outputs: dst (K, vectors * lanes) from column u on.
template <class T>
void pack_columns(T *dst, int vectors, const T *w, int64_t K, int64_t columns, int64_t u) {
  using S = Simd<T>;
  for (int64_t k = 0; k < K; ++k)
    for (int j = 0; j < vectors; ++j, dst += S::lanes) {
      const int64_t at = u + j * S::lanes;
      S::store(dst, at < columns ? load_at(w + k * columns, at, columns) : S::set(T(0)));
    }
}

// Panels [first, last) of outputs that are columns of w.
template <class T>
void pack_column_panels(const Panels &panels, int64_t first, int64_t last, T *to, const T *w,
                        int64_t K, int64_t columns) {
  for (int64_t p = first; p < last; ++p) {
    const int64_t u = panels.first(p) * Simd<T>::lanes;
    pack_columns(to + u * K, static_cast<int>(panels.size(p)), w, K, columns, u);
  }
}

}  // namespace RNNKIT_NAMESPACE
