// AVX2 and FMA: 16 registers of 8 floats or 4 doubles.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace RNNKIT_NAMESPACE {

template <class T>
struct Simd;

// 12 accumulators; a vector of weights may stay in memory as an operand.
constexpr int accumulator_rows(int vectors) { return vectors >= 4 ? 3 : 4; }

template <>
struct Simd<float> {
  using V = __m256;
  static constexpr int lanes = 8;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static RNNKIT_INLINE V load(const float *p) { return _mm256_loadu_ps(p); }
  static RNNKIT_INLINE void store(float *p, V v) { _mm256_storeu_ps(p, v); }
  static RNNKIT_INLINE V load(const float *p, int n) { return _mm256_maskload_ps(p, first(n)); }
  static RNNKIT_INLINE void store(float *p, V v, int n) { _mm256_maskstore_ps(p, first(n), v); }
  static RNNKIT_INLINE V set(float x) { return _mm256_set1_ps(x); }
  static RNNKIT_INLINE V add(V a, V b) { return _mm256_add_ps(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return _mm256_sub_ps(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return _mm256_fnmadd_ps(a, b, c); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return _mm256_max_ps(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return _mm256_min_ps(high, x); }
  static RNNKIT_INLINE V round(V x) { return _mm256_round_ps(x, 8); }
  static RNNKIT_INLINE V scale(V x, V n) {
    const __m256i bits = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return mul(x, _mm256_castsi256_ps(_mm256_slli_epi32(bits, 23)));
  }
  static RNNKIT_INLINE V inverse(V x) { return _mm256_div_ps(set(1.0f), x); }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NLE_UQ), y);
  }
};

template <>
struct Simd<double> {
  using V = __m256d;
  static constexpr int lanes = 4;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE __m256i first(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
  static RNNKIT_INLINE V load(const double *p) { return _mm256_loadu_pd(p); }
  static RNNKIT_INLINE void store(double *p, V v) { _mm256_storeu_pd(p, v); }
  static RNNKIT_INLINE V load(const double *p, int n) { return _mm256_maskload_pd(p, first(n)); }
  static RNNKIT_INLINE void store(double *p, V v, int n) { _mm256_maskstore_pd(p, first(n), v); }
  static RNNKIT_INLINE V set(double x) { return _mm256_set1_pd(x); }
  static RNNKIT_INLINE V add(V a, V b) { return _mm256_add_pd(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return _mm256_sub_pd(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return _mm256_mul_pd(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_pd(a, b, c); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return _mm256_fnmadd_pd(a, b, c); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return _mm256_max_pd(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return _mm256_min_pd(high, x); }
  static RNNKIT_INLINE V round(V x) { return _mm256_round_pd(x, 8); }
  static RNNKIT_INLINE V scale(V x, V n) {
    const __m256i whole = _mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(n));
    const __m256i bits = _mm256_add_epi64(whole, _mm256_set1_epi64x(1023));
    return mul(x, _mm256_castsi256_pd(_mm256_slli_epi64(bits, 52)));
  }
  static RNNKIT_INLINE V inverse(V x) { return _mm256_div_pd(set(1.0), x); }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    return _mm256_and_pd(_mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_NLE_UQ), y);
  }
};

}  // namespace RNNKIT_NAMESPACE
