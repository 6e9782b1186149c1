// What the C interface hands to an engine once everything is checked. Plain data only: this header is
// compiled for every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rnnkit.h"

namespace rnnkit {

// A team has no more members than this.
constexpr int32_t MOST_THREADS = 256;

// Sequences sorted by length, longest first. Row r of step t has packed index starts[t] + r.
struct Layout {
  int64_t steps, sequences;
  const int64_t *starts;   // (T + 1,)
  const int64_t *order;    // (B,) the caller's place of sorted row r
  const int64_t *lengths;  // (B,) sorted
  bool packed, reverse;

  // The step that is read s-th, and how many rows it has.
  int64_t step(int64_t s) const { return reverse ? steps - 1 - s : s; }
  int64_t count(int64_t t) const { return starts[t + 1] - starts[t]; }
  // Rows of the s-th step whose sequence was also read at the step before.
  int64_t continuing(int64_t s) const {
    if (s == 0) return 0;
    const int64_t now = count(step(s)), before = count(step(s - 1));
    return now < before ? now : before;
  }
  // The first of the steps read as [a, b), in order of time, its packed row, and how many rows they have.
  int64_t first_step(int64_t a, int64_t b) const { return reverse ? steps - b : a; }
  int64_t first_row(int64_t a, int64_t b) const { return starts[first_step(a, b)]; }
  int64_t num_rows(int64_t a, int64_t b) const {
    return starts[reverse ? steps - a : b] - first_row(a, b);
  }
  // The last s in [a, b) at which row r is read, or -1.
  int64_t last_read(int64_t r, int64_t a, int64_t b) const {
    if (reverse) return steps - b < lengths[r] ? b - 1 : -1;
    if (lengths[r] <= a) return -1;
    return lengths[r] < b ? lengths[r] - 1 : b - 1;
  }
};

struct Call : rnnkit_call {
  Layout layout;
  // Memory that stays valid until the same thread asks again; NULL if there is none.
  void *(*scratch)(size_t bytes);
};

struct Linear {
  int32_t dtype, threads;
  int64_t rows, input_size, output_size, x_row, y_row;
  const void *x, *weight, *bias;
  void *y;
  void *(*scratch)(size_t bytes);
};

// The functions of one instruction set; those of calls return a code of rnnkit_status.
struct Engine {
  const char *name;
  rnnkit_cell (*describe)(int64_t mode);
  int (*forward)(const Call &);
  int (*backward)(const Call &);
  int (*linear)(const Linear &);
  void *(*stream_new)(const rnnkit_layer *, int64_t count, int64_t sequences, int32_t threads);
  int (*stream_step)(void *, int64_t sequences, const void *x, void *h, void *c, int32_t threads);
  void (*stream_free)(void *);
  // Multiply-adds in registers alone, on each thread; how many operations were done.
  double (*spin)(int32_t dtype, int32_t threads, int64_t iterations);
};

}  // namespace rnnkit
