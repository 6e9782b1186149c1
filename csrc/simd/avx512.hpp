// AVX-512: 32 registers of 16 floats or 8 doubles.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace RNNKIT_NAMESPACE {

template <class T>
struct Simd;

// 24 accumulators, the weights' vectors and a broadcast value fit into 32 registers.
constexpr int accumulator_rows(int vectors) { return vectors >= 4 ? 6 : 8; }

template <>
struct Simd<float> {
  using V = __m512;
  static constexpr int lanes = 16;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE __mmask16 first(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
  static RNNKIT_INLINE V load(const float *p) { return _mm512_loadu_ps(p); }
  static RNNKIT_INLINE void store(float *p, V v) { _mm512_storeu_ps(p, v); }
  static RNNKIT_INLINE V load(const float *p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static RNNKIT_INLINE void store(float *p, V v, int n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static RNNKIT_INLINE V set(float x) { return _mm512_set1_ps(x); }
  static RNNKIT_INLINE V add(V a, V b) { return _mm512_add_ps(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return _mm512_fnmadd_ps(a, b, c); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return _mm512_max_ps(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return _mm512_min_ps(high, x); }
  static RNNKIT_INLINE V round(V x) { return _mm512_roundscale_ps(x, 8); }
  // x * 2^n for whole n.
  static RNNKIT_INLINE V scale(V x, V n) { return _mm512_scalef_ps(x, n); }
  // 1 / x for normal x: the estimate of 14 bits and one step of Newton's.
  static RNNKIT_INLINE V inverse(V x) {
    const V r = _mm512_rcp14_ps(x);
    return fma(r, fnma(x, r, set(1.0f)), r);
  }
  // 0 where x <= 0, else y.
  static RNNKIT_INLINE V where_positive(V x, V y) {
    const __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NLE_UQ);
    return _mm512_maskz_mov_ps(keep, y);
  }
};

template <>
struct Simd<double> {
  using V = __m512d;
  static constexpr int lanes = 8;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE __mmask8 first(int n) { return static_cast<__mmask8>((1u << n) - 1u); }
  static RNNKIT_INLINE V load(const double *p) { return _mm512_loadu_pd(p); }
  static RNNKIT_INLINE void store(double *p, V v) { _mm512_storeu_pd(p, v); }
  static RNNKIT_INLINE V load(const double *p, int n) { return _mm512_maskz_loadu_pd(first(n), p); }
  static RNNKIT_INLINE void store(double *p, V v, int n) { _mm512_mask_storeu_pd(p, first(n), v); }
  static RNNKIT_INLINE V set(double x) { return _mm512_set1_pd(x); }
  static RNNKIT_INLINE V add(V a, V b) { return _mm512_add_pd(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return _mm512_sub_pd(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return _mm512_mul_pd(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_pd(a, b, c); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return _mm512_fnmadd_pd(a, b, c); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return _mm512_max_pd(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return _mm512_min_pd(high, x); }
  static RNNKIT_INLINE V round(V x) { return _mm512_roundscale_pd(x, 8); }
  static RNNKIT_INLINE V scale(V x, V n) { return _mm512_scalef_pd(x, n); }
  static RNNKIT_INLINE V inverse(V x) { return _mm512_div_pd(set(1.0), x); }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    const __mmask8 keep = _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_NLE_UQ);
    return _mm512_maskz_mov_pd(keep, y);
  }
};

}  // namespace RNNKIT_NAMESPACE
