// NEON of AArch64: 32 registers of 4 floats or 2 doubles.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace RNNKIT_NAMESPACE {

template <class T>
struct Simd;

constexpr int accumulator_rows(int vectors) { return vectors >= 4 ? 6 : 8; }

template <>
struct Simd<float> {
  using V = float32x4_t;
  static constexpr int lanes = 4;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE V load(const float *p) { return vld1q_f32(p); }
  static RNNKIT_INLINE void store(float *p, V v) { vst1q_f32(p, v); }
  static RNNKIT_INLINE V load(const float *p, int n) {
    float part[lanes] = {0, 0, 0, 0};
    for (int i = 0; i < n; ++i) part[i] = p[i];
    return vld1q_f32(part);
  }
  static RNNKIT_INLINE void store(float *p, V v, int n) {
    float part[lanes];
    vst1q_f32(part, v);
    for (int i = 0; i < n; ++i) p[i] = part[i];
  }
  static RNNKIT_INLINE V set(float x) { return vdupq_n_f32(x); }
  static RNNKIT_INLINE V add(V a, V b) { return vaddq_f32(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return vsubq_f32(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return vmulq_f32(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return vfmsq_f32(c, a, b); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return vmaxq_f32(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return vminq_f32(high, x); }
  static RNNKIT_INLINE V round(V x) { return vrndnq_f32(x); }
  static RNNKIT_INLINE V scale(V x, V n) {
    const int32x4_t bits = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return mul(x, vreinterpretq_f32_s32(vshlq_n_s32(bits, 23)));
  }
  static RNNKIT_INLINE V inverse(V x) { return vdivq_f32(set(1.0f), x); }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    const uint32x4_t drop = vcleq_f32(x, set(0.0f));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y), drop));
  }
};

template <>
struct Simd<double> {
  using V = float64x2_t;
  static constexpr int lanes = 2;
  static constexpr int rows(int vectors) { return accumulator_rows(vectors); }
  static RNNKIT_INLINE V load(const double *p) { return vld1q_f64(p); }
  static RNNKIT_INLINE void store(double *p, V v) { vst1q_f64(p, v); }
  static RNNKIT_INLINE V load(const double *p, int n) {
    double part[lanes] = {0, 0};
    for (int i = 0; i < n; ++i) part[i] = p[i];
    return vld1q_f64(part);
  }
  static RNNKIT_INLINE void store(double *p, V v, int n) {
    double part[lanes];
    vst1q_f64(part, v);
    for (int i = 0; i < n; ++i) p[i] = part[i];
  }
  static RNNKIT_INLINE V set(double x) { return vdupq_n_f64(x); }
  static RNNKIT_INLINE V add(V a, V b) { return vaddq_f64(a, b); }
  static RNNKIT_INLINE V sub(V a, V b) { return vsubq_f64(a, b); }
  static RNNKIT_INLINE V mul(V a, V b) { return vmulq_f64(a, b); }
  static RNNKIT_INLINE V fma(V a, V b, V c) { return vfmaq_f64(c, a, b); }
  static RNNKIT_INLINE V fnma(V a, V b, V c) { return vfmsq_f64(c, a, b); }
  static RNNKIT_INLINE V max_nan(V low, V x) { return vmaxq_f64(low, x); }
  static RNNKIT_INLINE V min_nan(V high, V x) { return vminq_f64(high, x); }
  static RNNKIT_INLINE V round(V x) { return vrndnq_f64(x); }
  static RNNKIT_INLINE V scale(V x, V n) {
    const int64x2_t bits = vaddq_s64(vcvtq_s64_f64(n), vdupq_n_s64(1023));
    return mul(x, vreinterpretq_f64_s64(vshlq_n_s64(bits, 52)));
  }
  static RNNKIT_INLINE V inverse(V x) { return vdivq_f64(set(1.0), x); }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    const uint64x2_t drop = vcleq_f64(x, set(0.0));
    return vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(y), drop));
  }
};

}  // namespace RNNKIT_NAMESPACE
