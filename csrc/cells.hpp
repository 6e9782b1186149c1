// The cells: one header each in cells/, with what the walks over steps ask of it (its traits) and its
// equations on vectors of hidden units. A new cell is a header, a number in rnnkit.h, and its two
// lines at the end of this one.
//
// The columns of a row's buffers are slots of H units. What the input's projection writes, and the
// gradients that go back to the input, are the slots [0, gates); what the hidden state's product
// belongs to are the slots [first_hidden, first_hidden + gates). Most cells have them in common.
#pragma once

#include <type_traits>

#include "call.hpp"
#include "product.hpp"

namespace RNNKIT_NAMESPACE {

// Where one row of one step reads and writes.
template <class T>
struct ForwardRow {
  T *pre;   // in: the input's projection; out, if kept: the activated gates
  T *c;     // the memory, in place
  T *kept;  // where the memory is kept, or null: nothing is kept
  T *h;     // out: h, before a projection
};

// The same in backward.
template <class T>
struct BackwardRow {
  const T *grad_y;    // or null
  const T *kept;      // the slots as forward kept them, then the memory
  const T *c_before;  // with a memory
  const T *h_before;  // where the cell carries h
  const T *h;         // where nothing is kept
  T *dgates;
  T *dh;      // carried: what reaches h otherwise than through the product with weight_hh
  T *dc;      // carried, with a memory
  T *hidden;  // with a projection: h before it, for the gradient of weight_hr
};

// What a cell is unless its header says otherwise.
//
// gates: blocks of H rows in a weight. slots: slots of a row, in forward and backward.
// reserve: slots kept for backward; 0: backward reads h alone.
// memory: a state c goes from step to step within each unit, and is kept after the slots.
// product: h meets a matrix, weight_hh.
// carries: h reaches the next h otherwise than through that product, too.
// apart: the last gate's product with h is not added to the input's; its bias_hh is inside it.
// projects: h may be projected.
struct CellTraits {
  static constexpr int gates = 1, slots = 1, reserve = 0, first_hidden = 0;
  static constexpr bool memory = false, product = true, carries = false, apart = false;
  static constexpr bool projects = false;
  // The block of rows of weight_ih (bias_ih) that a slot of the input's side comes from.
  static constexpr int input_gate(int slot) { return slot; }
};

// The slopes of activations, by their values.
template <class T>
struct Slope {
  using S = Simd<T>;
  using V = typename S::V;
  // x (1 - x)
  static RNNKIT_INLINE V sigmoid(V x) { return S::fnma(x, x, x); }
  // 1 - x^2
  static RNNKIT_INLINE V tanh(V x) { return S::fnma(x, x, S::set(T(1))); }
};

// By mode: CellTraits, and for a vector of units at u
//   forward<T>(row, h, sums, bias, u, H)  sums: a vector of each gate before its activation, side by
//                                         side; h: the state before; bias: of the product apart
//   backward<T>(row, dh, u, H)            dh: the gradient of h, before a projection
template <int Mode>
struct Cell;

}  // namespace RNNKIT_NAMESPACE

#include "cells/gru.hpp"
#include "cells/lstm.hpp"
#include "cells/rnn.hpp"

namespace RNNKIT_NAMESPACE {

// Calls f with a mode as a constant.
template <class F>
auto with_mode(int64_t mode, F f) {
  switch (mode) {
    case RNNKIT_TANH: return f(std::integral_constant<int, RNNKIT_TANH>());
    case RNNKIT_RELU: return f(std::integral_constant<int, RNNKIT_RELU>());
    case RNNKIT_GRU: return f(std::integral_constant<int, RNNKIT_GRU>());
    default: return f(std::integral_constant<int, RNNKIT_LSTM>());
  }
}

}  // namespace RNNKIT_NAMESPACE
