// Vectors of one instruction set behind one small interface.
//
// `Simd<T>` (T float or double) names the vector type `V`, its number of lanes `lanes`, how many
// rows of accumulators the registers hold beside NV vectors of weights (`rows(NV)`), and the
// operations below. `min_nan` and `max_nan` give x where x is NaN, so that NaN passes through.
#pragma once

#if defined(_MSC_VER) && !defined(__clang__)
#define RNNKIT_INLINE __forceinline
#define RNNKIT_UNROLL
#else
#define RNNKIT_INLINE inline __attribute__((always_inline))
#define RNNKIT_UNROLL _Pragma("GCC unroll 16")
#endif

// One library holds the code of several instruction sets: everything that is compiled for one of
// them lives in its namespace, so that the linker never takes one's function for another's.
#define RNNKIT_CONCAT2(a, b) a##b
#define RNNKIT_CONCAT(a, b) RNNKIT_CONCAT2(a, b)
#define RNNKIT_NAMESPACE RNNKIT_CONCAT(isa_, RNNKIT_ISA)

#define RNNKIT_ISA_IS_avx512 1
#define RNNKIT_ISA_IS_avx2 2
#define RNNKIT_ISA_IS_neon 3
#define RNNKIT_ISA_IS_portable 4
#define RNNKIT_ISA_CODE RNNKIT_CONCAT(RNNKIT_ISA_IS_, RNNKIT_ISA)

#if RNNKIT_ISA_CODE == 1
#include "simd/avx512.hpp"
#elif RNNKIT_ISA_CODE == 2
#include "simd/avx2.hpp"
#elif RNNKIT_ISA_CODE == 3
#include "simd/neon.hpp"
#else
#include "simd/portable.hpp"
#endif
