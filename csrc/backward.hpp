// Backward: blocks of steps from the last to the first. In each, the gates' gradients step by step,
// then the products over all rows of the block: the weights' gradients and the input's.
#pragma once

#include "forward.hpp"

namespace RNNKIT_NAMESPACE {

template <class T, int Mode>
class Backward {
  using S = Simd<T>;
  using C = Cell<Mode>;
  static constexpr int lanes = S::lanes;

 public:
  explicit Backward(const Call &call) : call_(call), layout_(call.layout), s_(call) {
    vectors_ = ceil_div(s_.H, lanes);
    out_vectors_ = ceil_div(s_.P, lanes);
    in_vectors_ = ceil_div(s_.I, lanes);
    chunk_ = gradient_block<T, Mode>(s_);
    wants_x_ = call.grad_x.data != nullptr;
    wants_weights_ = call.grads.weight_ih != nullptr;
  }

  void carve(Carver &carver, int workers) {
    const int64_t rows = chunk_ * s_.B, K = C::gates * s_.H;
    wide_h_ = carver.take<T>(out_vectors_ * lanes * K);
    wide_x_ = wants_x_ ? carver.take<T>(in_vectors_ * lanes * K) : nullptr;
    wide_r_ = s_.projected ? carver.take<T>(vectors_ * lanes * s_.P) : nullptr;
    for (T *&buffer : dgates_) buffer = carver.take<T>(rows * C::slots * s_.H);
    zeros_ = carver.take<T>(s_.H > s_.P ? s_.H : s_.P);
    dh_ = carver.take<T>(s_.B * s_.P);
    dc_ = C::memory ? carver.take<T>(s_.B * s_.H) : nullptr;
    dgates_rows_ = carver.take<const T *>(rows);
    x_rows_ = carver.take<const T *>(rows);
    h_rows_ = carver.take<const T *>(rows);
    dx_rows_ = wants_x_ ? carver.take<T *>(rows) : nullptr;
    dh_projected_ = s_.projected ? carver.take<T>(rows * s_.P) : nullptr;
    unprojected_ = s_.projected ? carver.take<T>(rows * s_.H) : nullptr;
    dh_rows_ = s_.projected ? carver.take<const T *>(rows) : nullptr;
    unprojected_rows_ = s_.projected ? carver.take<const T *>(rows) : nullptr;
    for (int w = 0; w < workers; ++w) {
      Private &p = private_[w];
      p.buffer = carver.take<T>(ROW_BLOCK * 4 * lanes);
      p.carried = carver.take<const T *>(s_.B);
      p.a = carver.take<T>(OUTER_ROWS * lanes);
      p.x = carver.take<T>(Factor<T>::packed_size(s_.I, OUTER_ROWS));
      p.h = carver.take<T>(Factor<T>::packed_size(s_.P > s_.H ? s_.P : s_.H, OUTER_ROWS));
      p.products = carver.take<const T *>(s_.B);
      p.rows = carver.take<BackwardRow<T>>(s_.B);
      p.outputs = carver.take<T *>(s_.B);
    }
  }

  const T *zeros() const { return zeros_; }

  // Packs the weights, clears what is added to and takes over the last states' gradients.
  void begin(const Worker &w) {
    const T *ih = static_cast<const T *>(call_.layer.weights.weight_ih);
    const T *hh = static_cast<const T *>(call_.layer.weights.weight_hh);
    const Panels units = out_panels(w);
    // Panels are packed by who uses them when units are split, else by all together.
    const int64_t first = w.by_units ? 0 : w.begin(units.count);
    const int64_t last = w.by_units ? units.count : w.end(units.count);
    pack_column_panels(units, first, last, wide_h_, hh, C::gates * s_.H, s_.P);
    if (wants_x_) {
      const Panels inputs(0, in_vectors_, 4);
      for (int64_t p = w.begin(inputs.count); p < w.end(inputs.count); ++p)
        for (int slot = 0; slot < C::gates; ++slot) {
          const int vectors = static_cast<int>(inputs.size(p));
          pack_columns(wide_x_ + inputs.first(p) * lanes * C::gates * s_.H +
                           slot * s_.H * vectors * lanes,
                       vectors, ih + C::input_gate(slot) * s_.H * s_.I, s_.H, s_.I,
                       inputs.first(p) * lanes);
        }
    }
    if (s_.projected) {
      const Panels panels(0, vectors_, 4);
      pack_column_panels(panels, w.begin(panels.count), w.end(panels.count), wide_r_,
                         static_cast<const T *>(call_.layer.weights.weight_hr), s_.P, s_.H);
    }
    if (w.id == 0) clear(zeros_, s_.H > s_.P ? s_.H : s_.P);
    clear_grads(w);
    clear_padding(Rows<T>::of(call_.grad_x, layout_), layout_, s_.I, w.begin(s_.B), w.end(s_.B));
    w.wait();
    const States<T> grad_h = States<T>::of(call_.grad_h_n, s_.P, layout_, zeros_);
    const States<T> grad_c = States<T>::of(call_.grad_c_n, s_.H, layout_, zeros_);
    for (int64_t r = w.id; r < s_.B; r += w.count) {
      copy(dh_ + r * s_.P, grad_h.at(r), s_.P);
      if (C::memory) copy(dc_ + r * s_.H, grad_c.at(r), s_.H);
    }
    w.wait();
  }

  // The steps read as [a, b), from the last; `h` and `c` are the states before step a, y and kept
  // what forward gave for these steps.
  void run(const Worker &w, int64_t a, int64_t b, const States<T> &h, const States<T> &c,
           const Rows<T> &y, const Rows<T> &kept) {
    for (int64_t block = (b - 1) / chunk_; block >= 0 && (block + 1) * chunk_ > a; --block) {
      const int64_t begin = block * chunk_ > a ? block * chunk_ : a;
      const int64_t end = (block + 1) * chunk_ < b ? (block + 1) * chunk_ : b;
      const Rows<T> dgates =
          Rows<T>::own(dgates_[block & 1], C::slots * s_.H, layout_.first_row(begin, end));
      Span span{begin, end, a, h, c, y, kept, dgates,
                Rows<T>::own(dh_projected_, s_.P, layout_.first_row(begin, end)),
                Rows<T>::own(unprojected_, s_.H, layout_.first_row(begin, end))};
      for (int64_t s = end - 1; s >= begin; --s) step(w, s, span);
      list_rows(w, span);
      w.wait();
      const int64_t n = layout_.num_rows(begin, end);
      if (wants_weights_) weights(w, n);
      if (wants_x_) inputs(w, n);
      w.wait();  // before anybody writes into the lists and buffers of this block again
    }
  }

  // What is left for the first states, once step 0 has been gone through.
  void finish(const Worker &w) {
    const int64_t count = layout_.count(layout_.step(0));
    first_states(w, 0, count, 0, private_[w.id].next);
    T *grad_c = static_cast<T *>(call_.grad_c_0);
    if (C::memory && grad_c != nullptr)
      for (int64_t r = w.id; r < s_.B; r += w.count)
        copy(grad_c + layout_.order[r] * s_.H, dc_ + r * s_.H, s_.H);
  }

 private:
  struct Private {
    T *buffer, *a, *x, *h;
    const T **products, **carried;
    BackwardRow<T> *rows;
    T **outputs;
    Rows<T> next;  // the gates' gradients of the step gone through last
  };
  // A block of steps [begin, end) of a run that starts at step `start`.
  struct Span {
    int64_t begin, end, start;
    const States<T> &h, &c;
    const Rows<T> &y, &kept;
    Rows<T> dgates, dh_projected, unprojected;
  };

  Panels out_panels(const Worker &w) const {
    return Panels(w.unit_begin(out_vectors_), w.unit_end(out_vectors_), 4);
  }

  static void clear_share(const Worker &w, void *data, int64_t n) {
    if (data == nullptr) return;
    clear(static_cast<T *>(data) + w.begin(n), w.end(n) - w.begin(n));
  }
  void clear_grads(const Worker &w) const {
    const rnnkit_weight_grads &g = call_.grads;
    clear_share(w, g.weight_ih, C::gates * s_.H * s_.I);
    clear_share(w, g.weight_hh, C::gates * s_.H * s_.P);
    clear_share(w, g.bias_ih, C::gates * s_.H);
    clear_share(w, g.bias_hh, C::gates * s_.H);
    clear_share(w, g.weight_hr, s_.P * s_.H);
  }

  const T *h_before(const Span &span, int64_t s, int64_t r) const {
    return s > span.start && r < layout_.continuing(s)
               ? span.y.at(layout_, layout_.step(s - 1), r)
               : span.h.at(r);
  }
  const T *c_before(const Span &span, int64_t s, int64_t r) const {
    return s > span.start && r < layout_.continuing(s)
               ? span.kept.at(layout_, layout_.step(s - 1), r) + C::slots * s_.H
               : span.c.at(r);
  }

  void step(const Worker &w, int64_t s, Span &span) {
    Private &p = private_[w.id];
    const int64_t t = layout_.step(s), count = layout_.count(t);
    const int64_t goes_on = s + 1 < s_.T ? layout_.continuing(s + 1) : 0;
    // Sequences that began at the step after this one, read backwards: theirs ends here.
    if (s + 1 < s_.T) first_states(w, goes_on, layout_.count(layout_.step(s + 1)), s + 1, p.next);
    const Rows<const T> grad_y = Rows<const T>::of(
        {call_.grad_y.data, call_.grad_y.step, call_.grad_y.row}, layout_);
    int64_t n = 0, with_product = 0;
    for (int64_t r = w.row_first(); r < count; r += w.row_step(), ++n) {
      if (r < goes_on) {
        p.products[n] = p.next.at(layout_, layout_.step(s + 1), r) + C::first_hidden * s_.H;
        ++with_product;
      } else {
        p.products[n] = zeros_;
      }
      BackwardRow<T> &row = p.rows[n];
      row.grad_y = grad_y ? grad_y.at(layout_, t, r) : nullptr;
      row.dgates = span.dgates.at(layout_, t, r);
      p.carried[n] = row.dh = dh_ + r * s_.P;
      row.kept = C::reserve > 0 ? span.kept.at(layout_, t, r) : nullptr;
      row.h = C::reserve == 0 ? span.y.at(layout_, t, r) : nullptr;
      row.h_before = C::carries ? h_before(span, s, r) : nullptr;
      row.c_before = C::memory ? c_before(span, s, r) : nullptr;
      row.dc = C::memory ? dc_ + r * s_.H : nullptr;
      row.hidden = s_.projected ? span.unprojected.at(layout_, t, r) : nullptr;
      p.outputs[n] = s_.projected ? span.dh_projected.at(layout_, t, r) : nullptr;
    }
    through_cells(w, 0, with_product, C::gates * s_.H);
    through_cells(w, with_product, n, 0);
    if (s_.projected) through_projection(w, n);
    p.next = span.dgates;
    w.end_step();
  }

  // Rows [first, last) of this worker: dh from the step after, and from the output, through the cell.
  void through_cells(const Worker &w, int64_t first, int64_t last, int64_t K) {
    Private &p = private_[w.id];
    const BackwardRow<T> *rows = p.rows + first;
    T *const *outputs = p.outputs + first;
    // If h is reached through the product alone, then at the end of a sequence by the last state's
    // gradient.
    const T *const *carried = C::carries || K == 0 ? p.carried + first : nullptr;
    const Panels panels = out_panels(w);
    for (int64_t i = 0; i < panels.count; ++i) {
      const int64_t u = panels.first(i) * lanes, vectors = panels.size(i);
      const Init<T> init{carried, 1, u, lanes, s_.P - u, lanes, 4};
      panel_product<T>(vectors, p.products + first, last - first, wide_h_ + u * C::gates * s_.H, K,
                       init, p.buffer, [&](const T *sums, int64_t row, int R) {
                         for (int r = 0; r < R; ++r)
                           for (int64_t j = 0; j < vectors; ++j, sums += lanes)
                             through_cell(rows[row + r], outputs[row + r], S::load(sums),
                                          u + j * lanes);
                       });
    }
  }
  RNNKIT_INLINE void through_cell(const BackwardRow<T> &row, T *output, typename S::V dh, int64_t u) {
    if (row.grad_y != nullptr) dh = S::add(dh, load_at(row.grad_y, u, s_.P));
    if (C::projects && s_.projected)
      store_at(output, dh, u, s_.P);
    else
      C::backward(row, dh, u, s_.H);
  }

  void through_projection(const Worker &w, int64_t n) {
    Private &p = private_[w.id];
    for (int64_t i = 0; i < n; ++i) p.products[i] = p.outputs[i];
    const Panels panels(0, vectors_, 4);
    for (int64_t i = 0; i < panels.count; ++i) {
      const int64_t u = panels.first(i) * lanes, vectors = panels.size(i);
      panel_product<T>(vectors, p.products, n, wide_r_ + u * s_.P, s_.P, Init<T>(), p.buffer,
                       [&](const T *sums, int64_t row, int R) {
                         for (int r = 0; r < R; ++r)
                           for (int64_t j = 0; j < vectors; ++j, sums += lanes)
                             C::backward(p.rows[row + r], S::load(sums), u + j * lanes, s_.H);
                       });
    }
  }

  // The gradient of h before step s, for rows [from, to) that began there.
  void first_states(const Worker &w, int64_t from, int64_t to, int64_t s, const Rows<T> &dgates) {
    T *grad_h = static_cast<T *>(call_.grad_h_0);
    if (grad_h == nullptr || from >= to) return;
    Private &p = private_[w.id];
    int64_t n = 0;
    for (int64_t r = w.row_first(); r < to; r += w.row_step()) {
      if (r < from) continue;
      p.products[n] = dgates.at(layout_, layout_.step(s), r) + C::first_hidden * s_.H;
      p.carried[n] = dh_ + r * s_.P;
      p.outputs[n++] = grad_h + layout_.order[r] * s_.P;
    }
    plain_product<T>(out_panels(w), p.products, n, wide_h_, C::gates * s_.H,
                     C::carries ? p.carried : nullptr, 1, p.outputs, s_.P, p.buffer);
  }

  // Pointers to all rows of a block, in packed order; each worker lists some of its steps.
  void list_rows(const Worker &w, const Span &span) {
    const Rows<const T> x = Rows<const T>::of({call_.x.data, call_.x.step, call_.x.row}, layout_);
    const Rows<T> dx = Rows<T>::of(call_.grad_x, layout_);
    const int64_t steps = span.end - span.begin, base = layout_.first_row(span.begin, span.end);
    for (int64_t s = span.begin + w.begin(steps); s < span.begin + w.end(steps); ++s) {
      const int64_t t = layout_.step(s), count = layout_.count(t);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t i = layout_.starts[t] + r - base;
        dgates_rows_[i] = span.dgates.at(layout_, t, r);
        x_rows_[i] = x.at(layout_, t, r);
        h_rows_[i] = h_before(span, s, r);
        if (wants_x_) dx_rows_[i] = dx.at(layout_, t, r);
        if (s_.projected) {
          dh_rows_[i] = span.dh_projected.at(layout_, t, r);
          unprojected_rows_[i] = span.unprojected.at(layout_, t, r);
        }
      }
    }
  }

  // grads += dgates^T [x, h] and the sums of dgates over n rows: each worker takes columns of dgates.
  void weights(const Worker &w, int64_t n) {
    Private &p = private_[w.id];
    const rnnkit_weight_grads &grads = call_.grads;
    const Factor<T> x{x_rows_, s_.I, p.x}, h{h_rows_, s_.P, p.h};
    const Factor<T> unprojected{unprojected_rows_, s_.H, p.h};
    const int64_t total = C::slots * vectors_, blocks = ceil_div(n, OUTER_ROWS);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = run_begin(n, blocks, block);
      const int64_t rows = run_begin(n, blocks, block + 1) - first;
      x.pack(first, rows);
      h.pack(first, rows);
      for (int64_t q = w.begin(total); q < w.end(total); ++q) {
        const int slot = static_cast<int>(q / vectors_);
        const int64_t u = q % vectors_ * lanes;
        const int columns = static_cast<int>(s_.H - u < lanes ? s_.H - u : lanes);
        const auto sum =
            Outer<T>::pack(dgates_rows_, first, rows, slot * s_.H + u, slot * s_.H + s_.H, p.a);
        if (slot < C::gates) {
          const int64_t row = C::input_gate(slot) * s_.H + u;
          Outer<T>::add(p.a, columns, x, rows, static_cast<T *>(grads.weight_ih) + row * s_.I);
          add_bias(grads.bias_ih, row, sum, columns);
        }
        if (slot >= C::first_hidden) {
          const int64_t row = (slot - C::first_hidden) * s_.H + u;
          Outer<T>::add(p.a, columns, h, rows, static_cast<T *>(grads.weight_hh) + row * s_.P);
          add_bias(grads.bias_hh, row, sum, columns);
        }
      }
      if (!s_.projected) continue;
      unprojected.pack(first, rows);
      for (int64_t v = w.begin(out_vectors_); v < w.end(out_vectors_); ++v) {
        const int64_t u = v * lanes;
        const int columns = static_cast<int>(s_.P - u < lanes ? s_.P - u : lanes);
        Outer<T>::pack(dh_rows_, first, rows, u, s_.P, p.a);
        Outer<T>::add(p.a, columns, unprojected, rows, static_cast<T *>(grads.weight_hr) + u * s_.H);
      }
    }
  }

  static void add_bias(void *bias, int64_t row, typename S::V sum, int columns) {
    if (bias == nullptr) return;
    T *to = static_cast<T *>(bias) + row;
    S::store(to, S::add(S::load(to, columns), sum), columns);
  }

  // dx = dgates W_ih: each worker takes a run of the rows.
  void inputs(const Worker &w, int64_t n) {
    const int64_t first = w.begin(n), count = w.end(n) - first;
    plain_product<T>(Panels(0, in_vectors_, 4), dgates_rows_ + first, count, wide_x_,
                     C::gates * s_.H, nullptr, 1, dx_rows_ + first, s_.I, private_[w.id].buffer);
  }

  const Call &call_;
  const Layout layout_;
  const Sizes s_;
  int64_t vectors_, out_vectors_, in_vectors_, chunk_;
  bool wants_x_, wants_weights_;
  T *wide_h_, *wide_x_, *wide_r_, *dgates_[2], *zeros_, *dh_, *dc_, *dh_projected_, *unprojected_;
  const T **dgates_rows_, **x_rows_, **h_rows_, **dh_rows_, **unprojected_rows_;
  T **dx_rows_;
  Private private_[rnnkit::MOST_THREADS];
};

template <class T, int Mode>
int backward(const Call &call) {
  using C = Cell<Mode>;
  const Layout &layout = call.layout;
  const Sizes s(call);
  const Split split = split_of<T, Mode>(call, s);

  const bool again = call.checkpoint > 0;  // the gates are computed again, segment by segment
  const int64_t segment = segment_steps<T, Mode>(call, s), segments = ceil_div(s.T, segment);
  const int64_t border = s.B * (s.P + (C::memory ? s.H : 0));
  T *const kept = static_cast<T *>(call.kept);
  Backward<T, Mode> net(call);
  Forward<T, Mode> forward_net(layout, s, call.layer.weights);
  T *own_y = nullptr, *own_kept = nullptr, *own_c = nullptr;
  const auto carve = [&](Carver carver) {
    net.carve(carver, split.threads);
    if (again) {
      forward_net.carve(carver, split.threads, segment, true);
      own_y = carver.take<T>(segment * s.B * s.P);
      own_kept = carver.take<T>(segment * s.B * C::reserve * s.H);
      own_c = C::memory ? carver.take<T>(s.B * s.H) : nullptr;
    }
    return carver.used();
  };
  void *memory = call.scratch(carve(Carver(nullptr)));
  if (memory == nullptr) return RNNKIT_NO_MEMORY;
  carve(Carver(memory));

  const Rows<const T> x = Rows<const T>::of({call.x.data, call.x.step, call.x.row}, layout);
  run_team(split.threads, split.by_units, [&](const Worker &w) {
    net.begin(w);
    if (again) forward_net.pack(w);
    for (int64_t k = segments - 1; k >= 0; --k) {
      const int64_t a = k * segment, b = a + segment < s.T ? a + segment : s.T;
      if (!again) {
        net.run(w, a, b, States<T>::of(call.h_0, s.P, layout, net.zeros()),
                States<T>::of(call.c_0, s.H, layout, net.zeros()), Rows<T>::of(call.y, layout),
                Rows<T>::own(kept, C::reserve * s.H, 0));
        continue;
      }
      const T *here = kept + k * border;
      const States<T> h{here, s.P, nullptr}, c{here + s.B * s.P, s.H, nullptr};
      const int64_t base = layout.first_row(a, b);
      const Rows<T> y = Rows<T>::own(own_y, s.P, base);
      const Rows<T> gates = Rows<T>::own(own_kept, C::reserve * s.H, base);
      w.wait();  // the rows of the segment after this one are no longer needed
      if (C::memory)
        for (int64_t r = w.id; r < s.B; r += w.count)
          copy(own_c + layout.order[r] * s.H, c.at(r), s.H);
      w.wait();
      forward_net.run(w, a, b, x, h, own_c, y, gates);
      w.wait();
      net.run(w, a, b, h, c, y, gates);
    }
    net.finish(w);
  });
  return RNNKIT_OK;
}

}  // namespace RNNKIT_NAMESPACE
