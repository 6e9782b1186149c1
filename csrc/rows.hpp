// Where rows lie: the caller's arrays in either form, our own in packed order, and first states.
#pragma once

#include "call.hpp"
#include "simd.hpp"

namespace RNNKIT_NAMESPACE {

using rnnkit::Layout;

// Features of row (t, r), r in sorted order; in arrays of the caller's form or in ones of our own, which
// begin at packed row `base`, or, padded, at step `base`.
template <class T>
struct Rows {
  T *data;
  int64_t step, row, base;
  bool packed;

  static Rows of(const rnnkit_rows &rows, const Layout &layout) {
    return {static_cast<T *>(rows.data), rows.step, rows.row, 0, layout.packed};
  }
  static Rows own(T *data, int64_t width, int64_t base) { return {data, 0, width, base, true}; }
  // Each sequence has its place in every step: memory that is used again stays with one worker.
  static Rows own_padded(T *data, int64_t width, int64_t base, int64_t sequences) {
    return {data, sequences * width, width, base, false};
  }
  explicit operator bool() const { return data != nullptr; }
  T *at(const Layout &layout, int64_t t, int64_t r) const {
    return packed ? data + (layout.starts[t] + r - base) * row
                  : data + (t - base) * step + layout.order[r] * row;
  }
};

// A state of every sequence: in the caller's order, in sorted order, or the same zeros for all.
template <class T>
struct States {
  const T *data;
  int64_t width;
  const int64_t *order;
  const T *at(int64_t r) const { return data + (order == nullptr ? r : order[r]) * width; }

  static States of(const void *given, int64_t width, const Layout &layout, const T *zeros) {
    if (given == nullptr) return {zeros, 0, nullptr};
    return {static_cast<const T *>(given), width, layout.order};
  }
};

template <class T>
RNNKIT_INLINE void copy(T *to, const T *from, int64_t n) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
}
template <class T>
RNNKIT_INLINE void clear(T *to, int64_t n) {
  std::memset(to, 0, static_cast<size_t>(n) * sizeof(T));
}

// In padded form: zeros past the end of each sequence, for this run of sequences.
template <class T>
void clear_padding(const Rows<T> &rows, const Layout &layout, int64_t width, int64_t begin,
                   int64_t end) {
  if (!rows || rows.packed) return;
  for (int64_t r = begin; r < end; ++r)
    for (int64_t t = layout.lengths[r]; t < layout.steps; ++t) clear(rows.at(layout, t, r), width);
}

}  // namespace RNNKIT_NAMESPACE
