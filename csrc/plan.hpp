// How a call is cut up: into blocks of steps, into segments, and among threads.
#pragma once

#include "outer.hpp"

namespace RNNKIT_NAMESPACE {

using rnnkit::Call;

// The sizes of a layer over sequences, in the letters of rnnkit.h.
struct Sizes {
  int64_t T, B, I, H, P;
  bool projected;
  Sizes(const rnnkit_layer &layer, int64_t steps, int64_t sequences)
      : T(steps),
        B(sequences),
        I(layer.input_size),
        H(layer.hidden_size),
        P(layer.proj_size > 0 ? layer.proj_size : layer.hidden_size),
        projected(layer.proj_size > 0) {}
  explicit Sizes(const Call &call) : Sizes(call.layer, call.steps, call.sequences) {}
};

// Steps that are gone through as one block: so many bytes of rows (of `slots` slots each), but so many
// rows at least, and from one step to all.
template <class T>
int64_t block_steps(const Sizes &s, int64_t slots, int64_t bytes, int64_t least) {
  const int64_t fitting = bytes / (slots * s.H * static_cast<int64_t>(sizeof(T)));
  const int64_t steps = (fitting < least ? least : fitting) / s.B;
  return steps < 1 ? 1 : steps > s.T ? s.T : steps;
}

// Steps in a block of backward. It decides in which order the weights' gradients are summed, so it must
// depend on nothing but sizes: not on threads, nor on checkpoints.
template <class T, int Mode>
int64_t gradient_block(const Sizes &s) {
  return block_steps<T>(s, Cell<Mode>::slots, 1 << 20, OUTER_ROWS);
}

// How the work is split. Small weights stay in each core's own cache and threads take rows, without
// a barrier; otherwise they take hidden units, and every step ends with a barrier.
struct Split {
  int threads;
  bool by_units;
};

template <class T, int Mode>
Split split_of(const Call &call, const Sizes &s) {
  constexpr int64_t gates = Cell<Mode>::gates;
  const int64_t rows = call.layout.starts[s.T];
  const double work = 2.0 * rows * gates * s.H * (s.I + s.P);
  const int64_t vectors = ceil_div(s.H, Simd<T>::lanes);
  int threads = work < 4e5 ? 1 : static_cast<int>(call.threads);
  const double mean_rows = static_cast<double>(rows) / s.T;
  const int64_t weights = gates * s.H * s.P * static_cast<int64_t>(sizeof(T));
  const double step_work = 2.0 * mean_rows * gates * s.H * s.P;
  const bool few_rows = mean_rows < 4.0 * threads, big_weights = weights > (1 << 20);
  const bool by_units = !s.projected && vectors >= threads && (few_rows || big_weights);
  // A barrier costs more than a small step.
  if (by_units && few_rows && step_work < 4e4 && mean_rows < threads) threads = 1;
  return {threads, by_units};
}

// Steps of a segment: as many as were wished, and as many more as a block of backward's needs, so that
// the weights' gradients are summed in the same order with and without checkpoints.
template <class T, int Mode>
int64_t segment_steps(const Call &call, const Sizes &s) {
  if (call.checkpoint == 0) return s.T;
  const int64_t block = gradient_block<T, Mode>(s), blocks = ceil_div(call.checkpoint, block);
  return blocks < ceil_div(s.T, block) ? blocks * block : s.T;
}

}  // namespace RNNKIT_NAMESPACE
