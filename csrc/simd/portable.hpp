// Plain C++ over small arrays, for every other machine; compilers turn the loops into vectors.
//
// fma here is a product and a sum, rounded twice: a library call for each would cost a hundredfold.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace RNNKIT_NAMESPACE {

template <class T>
struct Simd {
  static constexpr int lanes = static_cast<int>(16 / sizeof(T));
  struct V {
    T lane[lanes];
  };
  static constexpr int rows(int vectors) { return vectors >= 4 ? 2 : 3; }

  template <class F>
  static RNNKIT_INLINE V each(F f) {
    V v;
    for (int i = 0; i < lanes; ++i) v.lane[i] = f(i);
    return v;
  }
  static RNNKIT_INLINE V load(const T *p) {
    return each([=](int i) { return p[i]; });
  }
  static RNNKIT_INLINE void store(T *p, V v) {
    for (int i = 0; i < lanes; ++i) p[i] = v.lane[i];
  }
  static RNNKIT_INLINE V load(const T *p, int n) {
    return each([=](int i) { return i < n ? p[i] : T(0); });
  }
  static RNNKIT_INLINE void store(T *p, V v, int n) {
    for (int i = 0; i < n; ++i) p[i] = v.lane[i];
  }
  static RNNKIT_INLINE V set(T x) {
    return each([=](int) { return x; });
  }
  static RNNKIT_INLINE V add(V a, V b) {
    return each([=](int i) { return a.lane[i] + b.lane[i]; });
  }
  static RNNKIT_INLINE V sub(V a, V b) {
    return each([=](int i) { return a.lane[i] - b.lane[i]; });
  }
  static RNNKIT_INLINE V mul(V a, V b) {
    return each([=](int i) { return a.lane[i] * b.lane[i]; });
  }
  static RNNKIT_INLINE V fma(V a, V b, V c) {
    return each([=](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  static RNNKIT_INLINE V fnma(V a, V b, V c) {
    return each([=](int i) { return c.lane[i] - a.lane[i] * b.lane[i]; });
  }
  static RNNKIT_INLINE V max_nan(V low, V x) {
    return each([=](int i) { return low.lane[i] > x.lane[i] ? low.lane[i] : x.lane[i]; });
  }
  static RNNKIT_INLINE V min_nan(V high, V x) {
    return each([=](int i) { return high.lane[i] < x.lane[i] ? high.lane[i] : x.lane[i]; });
  }
  // To the nearest whole number, for the small values that exp's argument comes down to.
  static RNNKIT_INLINE V round(V x) {
    const T shift = sizeof(T) == 4 ? T(12582912.0) : T(6755399441055744.0);  // 1.5 * 2^(digits - 1)
    return each([=](int i) { return (x.lane[i] + shift) - shift; });
  }
  static RNNKIT_INLINE V scale(V x, V n) {
    return each([=](int i) {
      // NaN has no whole number: any factor will do, since x is NaN then too.
      const int64_t whole = n.lane[i] == n.lane[i] ? static_cast<int64_t>(n.lane[i]) : 0;
      const int digits = sizeof(T) == 4 ? 23 : 52, bias = sizeof(T) == 4 ? 127 : 1023;
      const uint64_t bits = static_cast<uint64_t>(whole + bias) << digits;
      T factor;
      const uint32_t low = static_cast<uint32_t>(bits);
      if (sizeof(T) == 4)
        std::memcpy(&factor, &low, sizeof(T));
      else
        std::memcpy(&factor, &bits, sizeof(T));
      return x.lane[i] * factor;
    });
  }
  static RNNKIT_INLINE V inverse(V x) {
    return each([=](int i) { return T(1) / x.lane[i]; });
  }
  static RNNKIT_INLINE V where_positive(V x, V y) {
    return each([=](int i) { return x.lane[i] <= T(0) ? T(0) : y.lane[i]; });
  }
};

}  // namespace RNNKIT_NAMESPACE
