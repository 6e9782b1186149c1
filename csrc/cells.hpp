// The equations of the cells on vectors of hidden units, forward and backward.
//
// The columns of a row's buffers are slots of H units. What the input's projection writes, and the
// gradients that go back to the input, are the slots [0, GATES); what the hidden state's product
// belongs to are the slots [FIRST_HIDDEN, FIRST_HIDDEN + GATES). An LSTM and an RNN have them in
// common; a GRU, whose new state takes the two products apart, has n, r, z, W_hn h + b_hn.
#pragma once

#include "call.hpp"
#include "product.hpp"

namespace RNNKIT_NAMESPACE {

template <int Mode>
struct Cell {
  static constexpr bool lstm = Mode == RNNKIT_LSTM, gru = Mode == RNNKIT_GRU, rnn = !lstm && !gru;
  static constexpr int gates = lstm ? 4 : gru ? 3 : 1;
  static constexpr int slots = lstm ? 4 : gru ? 4 : 1;
  static constexpr int reserve = lstm ? 5 : gru ? 4 : 0;  // slots kept for backward
  static constexpr int first_hidden = gru ? 1 : 0;
  // The block of rows of weight_ih (bias_ih) that a slot of the input's side comes from.
  static constexpr int input_gate(int slot) { return gru ? (slot + 2) % 3 : slot; }
};

// Where one row of one step reads and writes.
template <class T>
struct ForwardRow {
  T *pre;   // in: the input's projection; out, if kept: the activated gates
  T *c;     // an LSTM's cell, in place
  T *kept;  // where the cell is kept, or null
  T *h;     // out: h, before a projection
};

template <class T, int Mode>
struct ForwardCell {
  using S = Simd<T>;
  using V = typename S::V;
  using M = Math<T>;
  using C = Cell<Mode>;

  // sums: a vector of each gate before its activation, side by side.
  static RNNKIT_INLINE void lstm(const ForwardRow<T> &row, const T *sums, int64_t u, int64_t H) {
    const V i = M::sigmoid(S::load(sums)), f = M::sigmoid(S::load(sums + S::lanes));
    const V g = M::tanh(S::load(sums + 2 * S::lanes)), o = M::sigmoid(S::load(sums + 3 * S::lanes));
    const V c = S::fma(f, load_at(row.c, u, H), S::mul(i, g));
    store_at(row.c, c, u, H);
    store_at(row.h, S::mul(o, M::tanh(c)), u, H);
    if (row.kept == nullptr) return;
    store_at(row.pre, i, u, H);
    store_at(row.pre + H, f, u, H);
    store_at(row.pre + 2 * H, g, u, H);
    store_at(row.pre + 3 * H, o, u, H);
    store_at(row.kept, c, u, H);
  }

  // h' = (1 - z) n + z h = n + z (h - n)
  static RNNKIT_INLINE void gru(const ForwardRow<T> &row, const T *h, const T *sums, const T *bias,
                                int64_t u, int64_t H) {
    const V r = M::sigmoid(S::load(sums)), z = M::sigmoid(S::load(sums + S::lanes));
    const V hidden = S::add(S::load(sums + 2 * S::lanes), S::load(bias + u));
    const V n = M::tanh(S::fma(r, hidden, load_at(row.pre, u, H)));
    store_at(row.h, S::fma(z, S::sub(load_at(h, u, H), n), n), u, H);
    if (row.kept == nullptr) return;
    store_at(row.pre, n, u, H);
    store_at(row.pre + H, r, u, H);
    store_at(row.pre + 2 * H, z, u, H);
    store_at(row.pre + 3 * H, hidden, u, H);
  }

  static RNNKIT_INLINE void rnn(const ForwardRow<T> &row, const T *sums, int64_t u, int64_t H) {
    const V a = S::load(sums);
    const V h = Mode == RNNKIT_RELU ? S::max_nan(S::set(T(0)), a) : M::tanh(a);
    store_at(row.h, h, u, H);
  }
};

// Where one row of one step reads and writes in backward.
template <class T>
struct BackwardRow {
  const T *grad_y;   // or null
  const T *kept;     // the gates as forward kept them, and an LSTM's c
  const T *c_before;  // LSTM
  const T *h_before;  // GRU
  const T *h;         // RNN
  T *dgates;
  T *dh;      // carried: what reaches h otherwise than through the product with weight_hh
  T *dc;      // carried, LSTM
  T *hidden;  // LSTM with a projection: o tanh(c), for the gradient of weight_hr
};

template <class T, int Mode>
struct BackwardCell {
  using S = Simd<T>;
  using V = typename S::V;
  using M = Math<T>;

  // x (1 - x)
  static RNNKIT_INLINE V sigmoid_slope(V x) { return S::fnma(x, x, x); }
  // 1 - x^2
  static RNNKIT_INLINE V tanh_slope(V x) { return S::fnma(x, x, S::set(T(1))); }

  static RNNKIT_INLINE void run(const BackwardRow<T> &row, V dh, int64_t u, int64_t H) {
    if constexpr (Mode == RNNKIT_LSTM)
      lstm(row, dh, u, H);
    else if constexpr (Mode == RNNKIT_GRU)
      gru(row, dh, u, H);
    else
      rnn(row, dh, u, H);
  }

  static RNNKIT_INLINE void lstm(const BackwardRow<T> &row, V dh, int64_t u, int64_t H) {
    const V i = load_at(row.kept, u, H), f = load_at(row.kept + H, u, H);
    const V g = load_at(row.kept + 2 * H, u, H), o = load_at(row.kept + 3 * H, u, H);
    const V t = M::tanh(load_at(row.kept + 4 * H, u, H));
    const V dc = S::fma(S::mul(dh, o), tanh_slope(t), load_at(row.dc, u, H));
    store_at(row.dgates, S::mul(S::mul(dc, g), sigmoid_slope(i)), u, H);
    store_at(row.dgates + H, S::mul(S::mul(dc, load_at(row.c_before, u, H)), sigmoid_slope(f)), u, H);
    store_at(row.dgates + 2 * H, S::mul(S::mul(dc, i), tanh_slope(g)), u, H);
    store_at(row.dgates + 3 * H, S::mul(S::mul(dh, t), sigmoid_slope(o)), u, H);
    store_at(row.dc, S::mul(dc, f), u, H);
    if (row.hidden != nullptr) store_at(row.hidden, S::mul(o, t), u, H);
  }

  static RNNKIT_INLINE void gru(const BackwardRow<T> &row, V dh, int64_t u, int64_t H) {
    const V n = load_at(row.kept, u, H), r = load_at(row.kept + H, u, H);
    const V z = load_at(row.kept + 2 * H, u, H), hidden = load_at(row.kept + 3 * H, u, H);
    const V dn = S::mul(S::fnma(z, dh, dh), tanh_slope(n));
    const V dz = S::mul(S::mul(dh, S::sub(load_at(row.h_before, u, H), n)), sigmoid_slope(z));
    store_at(row.dgates, dn, u, H);
    store_at(row.dgates + H, S::mul(S::mul(dn, hidden), sigmoid_slope(r)), u, H);
    store_at(row.dgates + 2 * H, dz, u, H);
    store_at(row.dgates + 3 * H, S::mul(dn, r), u, H);
    store_at(row.dh, S::mul(dh, z), u, H);
  }

  static RNNKIT_INLINE void rnn(const BackwardRow<T> &row, V dh, int64_t u, int64_t H) {
    const V h = load_at(row.h, u, H);
    const V d = Mode == RNNKIT_RELU ? S::where_positive(h, dh) : S::mul(dh, tanh_slope(h));
    store_at(row.dgates, d, u, H);
  }
};

}  // namespace RNNKIT_NAMESPACE
