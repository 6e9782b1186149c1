// Forward: blocks of steps, each first projected from the input and then walked through.
#pragma once

#include "plan.hpp"

namespace RNNKIT_NAMESPACE {

// What is shared by all workers, and the functions that each of them runs.
template <class T, int Mode>
class Forward {
  using S = Simd<T>;
  using C = Cell<Mode>;
  static constexpr int lanes = S::lanes;
  static_assert(C::product, "the walks over steps know cells with a recurrent product alone");

 public:
  Forward(const Layout &layout, const Sizes &sizes, const rnnkit_weights &weights)
      : layout_(layout), s_(sizes), weights_(weights) {
    vectors_ = ceil_div(s_.H, lanes);
    out_vectors_ = ceil_div(s_.P, lanes);
    // Enough rows for the projection's product, few enough for the cache.
    chunk_ = block_steps<T>(s_, C::slots, 256 << 10, 96);
  }

  // room: steps that run() will be given at most.
  void carve(Carver &carver, int workers, int64_t room, bool keeps) {
    const int64_t units = vectors_ * lanes;
    wide_x_ = carver.take<T>(units * C::gates * s_.I);
    wide_h_ = carver.take<T>(units * C::gates * s_.P);
    wide_r_ = s_.projected ? carver.take<T>(out_vectors_ * lanes * s_.H) : nullptr;
    bias_x_ = carver.take<T>(C::gates * units);
    bias_h_ = C::apart ? carver.take<T>(units) : nullptr;
    zeros_ = carver.take<T>(s_.H > s_.P ? s_.H : s_.P);
    const int64_t steps = chunk_ < room ? chunk_ : room;
    buffer_ = keeps && C::reserve > 0 ? nullptr : carver.take<T>(steps * s_.B * C::gates * s_.H);
    for (int w = 0; w < workers; ++w) {
      Private &p = private_[w];
      p.buffer = carver.take<T>(ROW_BLOCK * 4 * lanes);
      p.gates = carver.take<const T *>(s_.B);
      p.inputs = carver.take<const T *>(steps * s_.B);
      p.pre = carver.take<T *>(steps * s_.B);
      p.hidden = carver.take<const T *>(s_.B);
      p.rows = carver.take<ForwardRow<T>>(s_.B);
      p.outputs = s_.projected ? carver.take<T *>(s_.B) : nullptr;
      p.unprojected = s_.projected ? carver.take<T>(s_.B * s_.H) : nullptr;
    }
  }

  const T *zeros() const { return zeros_; }

  // Each worker's share of the packing; ends with a barrier where others need it.
  void pack(const Worker &w) {
    const T *ih = static_cast<const T *>(weights_.weight_ih);
    const T *hh = static_cast<const T *>(weights_.weight_hh);
    // What a worker packs is what it will use when units are split, else a share of all.
    const int64_t begin = w.begin(vectors_), end = w.end(vectors_);
    if constexpr (C::gates > 1) {
      for (int64_t v = begin; v < end; ++v)
        for (int g = 0; g < C::gates; ++g) {
          const int64_t u = v * lanes, x_row = C::input_gate(g) * s_.H + u, h_row = g * s_.H + u;
          pack_rows(wide_x_ + u * C::gates * s_.I + g * lanes, C::gates * lanes, ih + x_row * s_.I,
                    s_.I, s_.H - u);
          pack_rows(wide_h_ + u * C::gates * s_.P + g * lanes, C::gates * lanes, hh + h_row * s_.P,
                    s_.P, s_.H - u);
        }
    } else {
      const Panels panels = unit_panels(w);
      const int64_t first = w.by_units ? 0 : w.begin(panels.count);
      const int64_t last = w.by_units ? panels.count : w.end(panels.count);
      pack_panels(panels, first, last, wide_x_, ih, s_.I, s_.H);
      pack_panels(panels, first, last, wide_h_, hh, s_.P, s_.H);
    }
    if (s_.projected) {
      const Panels panels(0, out_vectors_, 4);
      pack_panels(panels, w.begin(panels.count), w.end(panels.count), wide_r_,
                  static_cast<const T *>(weights_.weight_hr), s_.H, s_.P);
    }
    pack_biases(begin, end);
    if (w.id == 0) clear(zeros_, s_.H > s_.P ? s_.H : s_.P);
    w.wait();
  }

  // The steps read as [a, b), by one worker. `first` is h before step a; c is the memory, in the
  // caller's order, before and after. kept: the reserve, or absent.
  void run(const Worker &w, int64_t a, int64_t b, const Rows<const T> &x, const States<T> &first,
           T *c, const Rows<T> &y, const Rows<T> &kept) {
    for (int64_t begin = a; begin < b; begin += chunk_) {
      const int64_t end = begin + chunk_ < b ? begin + chunk_ : b;
      const Rows<T> pre = C::reserve > 0 && kept
                              ? kept
                              : Rows<T>::own_padded(buffer_, C::gates * s_.H,
                                                    layout_.first_step(begin, end), s_.B);
      project(w, begin, end, x, pre);
      for (int64_t s = begin; s < end; ++s) step(w, s, s == a, first, c, y, pre, kept);
    }
  }

  // Each sequence's state after the steps [a, b): what was read last, or `first`.
  void gather(const Worker &w, int64_t a, int64_t b, const States<T> &first, const Rows<T> &y,
              T *h, bool sorted) const {
    for (int64_t r = w.id; r < s_.B; r += w.count) {
      const int64_t s = layout_.last_read(r, a, b);
      const T *from = s < 0 ? first.at(r) : y.at(layout_, layout_.step(s), r);
      copy(h + (sorted ? r : layout_.order[r]) * s_.P, from, s_.P);
    }
  }

  // pre = x W_ih^T + b, n rows by pointers.
  void project_rows(const Worker &w, int64_t n, const T *const *inputs, T *const *pre) {
    each_panel(w, [&](const Panel &panel) {
      const Init<T> init{&bias_x_, 0, panel.first * C::gates * lanes, lanes, lanes, 0, 4};
      panel_product<T>(panel.vectors, inputs, n, wide_x_ + panel.offset(s_.I), s_.I, init,
                       private_[w.id].buffer, [&](const T *sums, int64_t i, int R) {
                         store_panel(sums, R, panel.vectors, pre + i, panel.first * lanes,
                                     panel.stride(s_.H), panel.left(s_.H), panel.narrow());
                       });
    });
  }

  // The recurrence of n rows: what their h (by pointers) adds to the projections, and the cell.
  void step_rows(const Worker &w, int64_t n, const T *const *hidden, const T *const *pre,
                 const ForwardRow<T> *rows) {
    T *const buffer = private_[w.id].buffer;
    const auto finish = [&](const Panel &panel, const T *sums, int64_t i, int R) {
      for (int r = 0; r < R; ++r, sums += panel.vectors * lanes)
        cell(panel, rows[i + r], hidden[i + r], sums);
    };
    if (n != 1 || w.unit_end(vectors_) - w.unit_begin(vectors_) > ROW_BLOCK) {
      each_panel(w, [&](const Panel &panel) {
        panel_product<T>(panel.vectors, hidden, n, wide_h_ + panel.offset(s_.P), s_.P,
                         start_of(panel, pre), buffer, [&](const T *sums, int64_t i, int R) {
                           finish(panel, sums, i, R);
                         });
      });
      return;
    }
    // One row is a chain of operations that wait for each other: with all sums before all cells, the
    // processor has several of them under way.
    T *sums = buffer;
    each_panel(w, [&](const Panel &panel) {
      multiply_for<T>(1, panel.vectors)(hidden, 0, wide_h_ + panel.offset(s_.P), s_.P,
                                        start_of(panel, pre), false, sums);
      sums += panel.vectors * lanes;
    });
    sums = buffer;
    each_panel(w, [&](const Panel &panel) {
      finish(panel, sums, 0, 1);
      sums += panel.vectors * lanes;
    });
  }

  // outputs = unprojected W_hr^T, rows by pointers.
  void project_output(const Worker &w, int64_t n, const T *const *unprojected, T *const *outputs) {
    plain_product<T>(Panels(0, out_vectors_, 4), unprojected, n, wide_r_, s_.H, nullptr, 1, outputs,
                     s_.P, private_[w.id].buffer);
  }

 private:
  struct Private {
    T *buffer;
    const T **inputs;
    T **pre;
    const T **gates;
    const T **hidden;
    ForwardRow<T> *rows;
    T **outputs;
    T *unprojected;
  };

  // What one call of the micro-kernel makes: all gates of one vector of units, or, where there is
  // one gate, several vectors of units.
  struct Panel {
    int64_t first, vectors;
    int64_t offset(int64_t K) const { return first * lanes * C::gates * K; }
    int64_t stride(int64_t H) const { return C::gates > 1 ? H : lanes; }
    int64_t left(int64_t H) const { return H - first * lanes; }
    int64_t narrow() const { return C::gates > 1 ? 0 : lanes; }
  };
  template <class F>
  void each_panel(const Worker &w, const F &f) const {
    if constexpr (C::gates > 1) {
      for (int64_t v = w.unit_begin(vectors_); v < w.unit_end(vectors_); ++v) f(Panel{v, C::gates});
    } else {
      const Panels panels = unit_panels(w);
      for (int64_t p = 0; p < panels.count; ++p) f(Panel{panels.first(p), panels.size(p)});
    }
  }
  // A product that stays apart does not start from the input.
  Init<T> start_of(const Panel &panel, const T *const *pre) const {
    return {pre, 1, panel.first * lanes + C::first_hidden * s_.H, panel.stride(s_.H),
            panel.left(s_.H), panel.narrow(), C::apart ? C::gates - 1 : 4};
  }
  RNNKIT_INLINE void cell(const Panel &panel, const ForwardRow<T> &row, const T *hidden,
                          const T *sums) const {
    const int64_t u = panel.first * lanes;
    if constexpr (C::gates > 1)
      C::forward(row, hidden, sums, bias_h_, u, s_.H);
    else
      for (int64_t j = 0; j < panel.vectors; ++j)
        C::forward(row, hidden, sums + j * lanes, bias_h_, u + j * lanes, s_.H);
  }
  Panels unit_panels(const Worker &w) const {
    return Panels(w.unit_begin(vectors_), w.unit_end(vectors_), 4);
  }

  // b_ih + b_hh where both are only added; that of a product apart stands inside of it.
  void pack_biases(int64_t begin, int64_t end) {
    const T *ih = static_cast<const T *>(weights_.bias_ih);
    const T *hh = static_cast<const T *>(weights_.bias_hh);
    for (int64_t v = begin; v < end; ++v)
      for (int64_t i = 0; i < lanes; ++i) {
        const int64_t u = v * lanes + i;
        const bool inside = ih != nullptr && u < s_.H;
        for (int slot = 0; slot < C::gates; ++slot) {
          const int64_t at = C::input_gate(slot) * s_.H + u;
          T bias = inside ? ih[at] : T(0);
          if (inside && !(C::apart && C::input_gate(slot) == C::gates - 1)) bias += hh[at];
          bias_x_[(v * C::gates + slot) * lanes + i] = bias;
        }
        if (C::apart) bias_h_[u] = inside ? hh[(C::gates - 1) * s_.H + u] : T(0);
      }
  }

  void project(const Worker &w, int64_t begin, int64_t end, const Rows<const T> &x,
               const Rows<T> &pre) {
    Private &p = private_[w.id];
    int64_t n = 0;
    for (int64_t s = begin; s < end; ++s) {
      const int64_t t = layout_.step(s), count = layout_.count(t);
      for (int64_t r = w.row_first(); r < count; r += w.row_step(), ++n) {
        p.inputs[n] = x.at(layout_, t, r);
        p.pre[n] = pre.at(layout_, t, r);
      }
    }
    project_rows(w, n, p.inputs, p.pre);
  }

  void step(const Worker &w, int64_t s, bool starts, const States<T> &first, T *c, const Rows<T> &y,
            const Rows<T> &pre, const Rows<T> &kept) {
    Private &p = private_[w.id];
    const int64_t t = layout_.step(s), count = layout_.count(t);
    const int64_t before = starts ? 0 : layout_.continuing(s);
    int64_t n = 0;
    for (int64_t r = w.row_first(); r < count; r += w.row_step(), ++n) {
      p.hidden[n] = r < before ? y.at(layout_, layout_.step(s - 1), r) : first.at(r);
      T *out = y.at(layout_, t, r);
      if (s_.projected) p.outputs[n] = out, out = p.unprojected + n * s_.H;
      T *gates = pre.at(layout_, t, r);
      T *cell = C::memory ? c + layout_.order[r] * s_.H : nullptr;
      p.gates[n] = gates;
      p.rows[n] = {gates, cell, C::reserve > 0 && kept ? gates + C::slots * s_.H : nullptr, out};
    }
    step_rows(w, n, p.hidden, p.gates, p.rows);
    if (s_.projected) {
      for (int64_t i = 0; i < n; ++i) p.hidden[i] = p.unprojected + i * s_.H;
      project_output(w, n, p.hidden, p.outputs);
    }
    w.end_step();
  }

  const Layout layout_;
  const Sizes s_;
  const rnnkit_weights weights_;
  int64_t vectors_, out_vectors_, chunk_;
  T *wide_x_, *wide_h_, *wide_r_, *bias_x_, *bias_h_, *zeros_, *buffer_;
  Private private_[rnnkit::MOST_THREADS];
};

// c before the first step, in the caller's order, where it is then changed in place.
template <class T>
void start_cells(const Worker &w, const void *c_0, T *c, int64_t B, int64_t H) {
  for (int64_t b = w.id; b < B; b += w.count) {
    if (c_0 == nullptr)
      clear(c + b * H, H);
    else
      copy(c + b * H, static_cast<const T *>(c_0) + b * H, H);
  }
}

template <class T, int Mode>
int forward(const Call &call) {
  using C = Cell<Mode>;
  const Layout &layout = call.layout;
  const Sizes s(call);
  const Split split = split_of<T, Mode>(call, s);

  T *const reserve = call.checkpoint > 0 ? nullptr : static_cast<T *>(call.kept);
  T *const borders = call.checkpoint > 0 ? static_cast<T *>(call.kept) : nullptr;
  const int64_t segment = segment_steps<T, Mode>(call, s), segments = ceil_div(s.T, segment);
  const int64_t border = s.B * (s.P + (C::memory ? s.H : 0));
  Forward<T, Mode> net(layout, s, call.layer.weights);
  T *own_y = nullptr;
  const auto carve = [&](Carver carver) {
    net.carve(carver, split.threads, segment, reserve != nullptr);
    if (call.y.data == nullptr) own_y = carver.take<T>(segment * s.B * s.P);
    return carver.used();
  };
  void *memory = call.scratch(carve(Carver(nullptr)));
  if (memory == nullptr) return RNNKIT_NO_MEMORY;
  carve(Carver(memory));

  const Rows<const T> x = Rows<const T>::of(
      {call.x.data, call.x.step, call.x.row}, layout);
  const Rows<T> kept = Rows<T>::own(reserve, C::reserve * s.H, 0);
  T *c = static_cast<T *>(call.c_n);

  run_team(split.threads, split.by_units, [&](const Worker &w) {
    net.pack(w);
    if (C::memory) start_cells(w, call.c_0, c, s.B, s.H);
    const Rows<T> given_y = Rows<T>::of(call.y, layout);
    clear_padding(given_y, layout, s.P, w.begin(s.B), w.end(s.B));
    States<T> first = States<T>::of(call.h_0, s.P, layout, net.zeros());
    w.wait();
    for (int64_t k = 0; k < segments; ++k) {
      const int64_t a = k * segment, b = a + segment < s.T ? a + segment : s.T;
      if (borders != nullptr) {
        // h before the segment stands there already, but for the first.
        T *here = borders + k * border;
        if (k == 0) net.gather(w, 0, 0, first, given_y, here, true);
        if (C::memory)
          for (int64_t r = w.id; r < s.B; r += w.count)
            copy(here + s.B * s.P + r * s.H, c + layout.order[r] * s.H, s.H);
        w.wait();
        first = {here, s.P, nullptr};
      }
      const Rows<T> y =
          given_y ? given_y : Rows<T>::own(own_y, s.P, layout.first_row(a, b));
      net.run(w, a, b, x, first, c, y, kept);
      w.wait();
      T *next = k + 1 < segments ? borders + (k + 1) * border : static_cast<T *>(call.h_n);
      net.gather(w, a, b, first, y, next, k + 1 < segments);
      w.wait();
    }
  });
  return RNNKIT_OK;
}

}  // namespace RNNKIT_NAMESPACE
