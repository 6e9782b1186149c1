// exp, sigmoid and tanh on vectors, by one polynomial.
//
// exp(x) = 2^n exp(r) with n = round(x / ln 2), |r| <= ln 2 / 2, and exp(r) = 1 + r + r^2 q(r), where
// q is the Chebyshev interpolant. Relative error: float 1e-7, double 2e-16. `expm1` keeps that
// error near 0, and so does tanh. NaN passes through; infinities give the limits.
#pragma once

#include "simd.hpp"

namespace RNNKIT_NAMESPACE {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  // Beyond these exp would leave the normal numbers.
  static constexpr float low = -87.0f, high = 88.0f;
  static constexpr float tanh_bound = 10.0f;  // tanh is 1 to the last bit beyond 9.02
  // ln 2 in two parts, the first with few enough bits that n times it is exact.
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr int degree = 4;
  static constexpr float q[degree + 1] = {0.5f, 0.16666573286056519f, 0.04166645556688309f,
                                          0.008363776840269566f, 0.0013934544986113906f};
};
constexpr float ExpConstants<float>::q[];

template <>
struct ExpConstants<double> {
  static constexpr double low = -708.0, high = 709.0;
  static constexpr double tanh_bound = 20.0;  // 1 to the last bit beyond 19.1
  static constexpr double ln2_high = 0.693145751953125, ln2_low = 1.42860682030941723212e-6;
  static constexpr int degree = 10;
  static constexpr double q[degree + 1] = {
      0.5, 0.16666666666666657, 0.04166666666667036, 0.008333333333344508, 0.0013888888887068841,
      0.00019841269815670446, 2.4801590905589808e-05, 2.7557319374525856e-06, 2.755430073806101e-07,
      2.5083314745142836e-08, 2.182182906806781e-09};
};
constexpr double ExpConstants<double>::q[];

template <class T>
struct Math {
  using S = Simd<T>;
  using V = typename S::V;
  using E = ExpConstants<T>;

  // exp(r) - 1 of the reduced argument, and n.
  static RNNKIT_INLINE V reduced(V x, V &n) {
    n = S::round(S::mul(x, S::set(T(1.44269504088896340736))));
    V r = S::fnma(n, S::set(E::ln2_high), x);
    r = S::fnma(n, S::set(E::ln2_low), r);
    V q = S::set(E::q[E::degree]);
    RNNKIT_UNROLL
    for (int i = E::degree - 1; i >= 0; --i) q = S::fma(q, r, S::set(E::q[i]));
    return S::fma(S::mul(r, r), q, r);
  }

  // 1 / (1 + exp(-x))
  static RNNKIT_INLINE V sigmoid(V x) {
    V n;
    x = S::sub(S::set(T(0)), x);
    x = S::min_nan(S::set(E::high), S::max_nan(S::set(E::low), x));
    const V p = reduced(x, n);
    const V e = S::scale(S::add(p, S::set(T(1))), n);
    return S::inverse(S::add(e, S::set(T(1))));
  }

  // m / (m + 2) with m = exp(2x) - 1
  static RNNKIT_INLINE V tanh(V x) {
    V n;
    const V bound = S::set(E::tanh_bound);
    x = S::min_nan(bound, S::max_nan(S::sub(S::set(T(0)), bound), x));
    const V p = reduced(S::add(x, x), n);
    const V power = S::scale(S::set(T(1)), n);
    const V m = S::fma(power, p, S::sub(power, S::set(T(1))));
    return S::mul(m, S::inverse(S::add(m, S::set(T(2)))));
  }
};

}  // namespace RNNKIT_NAMESPACE
