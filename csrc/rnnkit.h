/* Recurrent layers on a CPU: the C interface. No torch, no Python.
 *
 * Letters: T steps, B sequences, N = sum of the lengths (rows), I input size, H hidden size,
 * P size of h (H, or that of a projection), G gates (RNN 1, GRU 3, LSTM 4).
 * Gate order is PyTorch's: LSTM i, f, g, o; GRU r, z, n with the reset after the product.
 *
 * Sequences come in one of two forms.
 *   padded: row (t, b) of an array is at data + t*step + b*row, b in the caller's order; `lengths`
 *           says how many steps of each are valid. Padding is never read; in results it is zero.
 *   packed: row n is at data + n*row; step t holds batch_sizes[t] rows, of the sequences that are
 *           still running, longest first. `step` is not used.
 * Strides count elements; the last dimension is contiguous. States are contiguous, (B, P) or (B, H),
 * in the order of the sequences. Weights are contiguous, by rows. All arrays of a call have one dtype.
 *
 * Every function that returns int returns RNNKIT_OK or a code of rnnkit_status. No function keeps
 * a pointer after it returned, and all may be called from several threads at once.
 */
#ifndef RNNKIT_H
#define RNNKIT_H

#include <stdint.h>

#if defined(_WIN32)
#define RNNKIT_API __declspec(dllexport)
#else
#define RNNKIT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define RNNKIT_ABI 3

enum rnnkit_mode { RNNKIT_TANH = 0, RNNKIT_RELU = 1, RNNKIT_GRU = 2, RNNKIT_LSTM = 3 };
#define RNNKIT_MODES 4 /* how many there are */
enum rnnkit_dtype { RNNKIT_FLOAT32 = 0, RNNKIT_FLOAT64 = 1 };
enum rnnkit_status {
  RNNKIT_OK = 0,
  RNNKIT_BAD_SIZE = 1,        /* a size or a code is out of range */
  RNNKIT_BAD_LENGTH = 2,      /* a length is below 1 or above T */
  RNNKIT_BAD_BATCH_SIZES = 3, /* a batch size is below 1, or above the one before it (or B) */
  RNNKIT_NO_MEMORY = 4
};

/* weight_ih (G*H, I), weight_hh (G*H, P), bias_ih and bias_hh (G*H,) or both NULL,
 * weight_hr (P, H) or NULL. */
typedef struct {
  const void *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_hr;
} rnnkit_weights;

/* As rnnkit_weights; all NULL: not wanted. The biases are NULL where there are none. */
typedef struct {
  void *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_hr;
} rnnkit_weight_grads;

/* Rows of features, in the call's form; data NULL: absent. */
typedef struct {
  void *data;
  int64_t step, row;
} rnnkit_rows;

typedef struct {
  int64_t mode, dtype;
  int64_t input_size, hidden_size;
  int64_t proj_size; /* 0: no projection */
  rnnkit_weights weights;
} rnnkit_layer;

/* A layer over sequences, in one direction. What only backward reads may be left 0 for forward. */
typedef struct {
  rnnkit_layer layer;
  int64_t steps, sequences;
  int64_t reverse;    /* read each sequence from its own last step to its first */
  int64_t threads;    /* at most so many; results do not depend on it */
  int64_t checkpoint; /* 0: keep everything; else the wished steps of a segment, see `kept` */
  const int64_t *lengths;     /* padded form: (B,) in any order, or NULL: all are T */
  const int64_t *batch_sizes; /* packed form: (T,); NULL: padded form */
  rnnkit_rows x;
  const void *h_0, *c_0; /* NULL: zeros; c_0 only for an LSTM */

  /* Forward fills these, backward reads y and kept.
   * y: rows of P; absent: not wanted, which needs a checkpoint or kept NULL.
   * h_n, c_n: c_n for an LSTM, else NULL.
   * kept: what backward needs; NULL: nothing. Without a checkpoint (rows, columns of H) in packed
   *   order (padded form: room for T*B rows): LSTM i, f, g, o, c; GRU n, r, z, W_hn h + b_hn; RNN
   *   nothing, and NULL. With one, the states before each segment in sorted order (longest first,
   *   stable): h and c, (B, P [+ H]), room for ceil(T / checkpoint) of them. Segments count from the
   *   first step that is read, and are lengthened to whole blocks of the steps over which the
   *   weights' gradients are summed. */
  rnnkit_rows y;
  void *h_n, *c_n, *kept;

  /* Backward. grad_y absent, grad_h_n or grad_c_n NULL: zeros. Results that are absent, NULL or, of
   * the weights, all NULL: not wanted. They are the same to the bit for every `checkpoint`. */
  rnnkit_rows grad_y;
  const void *grad_h_n, *grad_c_n;
  rnnkit_rows grad_x;
  void *grad_h_0, *grad_c_0;
  rnnkit_weight_grads grads;
} rnnkit_call;

RNNKIT_API int rnnkit_forward(const rnnkit_call *call);
RNNKIT_API int rnnkit_backward(const rnnkit_call *call);
/* Which length or batch size it was that this thread's last call refused. */
RNNKIT_API int64_t rnnkit_refused(void);

/* What a cell is: G; its states, 1 for h and 2 for h and c; columns of H that `kept` has without a
 * checkpoint; whether h meets a matrix, weight_hh, and whether it may be projected. */
typedef struct {
  int64_t gates, states, reserve, product, projects;
} rnnkit_cell;
/* RNNKIT_BAD_SIZE for a mode that there is not. */
RNNKIT_API int rnnkit_describe(int64_t mode, rnnkit_cell *cell);

/* y = x W^T + b: x (rows, I), weight (O, I), bias (O,) or NULL, y (rows, O); x_row and y_row are the
 * strides of a row. Every row is summed in the same order, whatever the number of rows or threads. */
RNNKIT_API int rnnkit_linear(int32_t dtype, int32_t threads, int64_t rows, int64_t input_size,
                             int64_t output_size, const void *x, int64_t x_row, const void *weight,
                             const void *bias, void *y, int64_t y_row);

/* A stack of layers, one direction, stepping: its weights are copied and packed once. */
typedef struct rnnkit_stream rnnkit_stream;
/* NULL: no memory or a bad size. sequences, threads: the most that a step will take. */
RNNKIT_API rnnkit_stream *rnnkit_stream_new(const rnnkit_layer *layers, int64_t count,
                                            int64_t sequences, int32_t threads);
/* One step of `sequences` sequences, without allocating: x (B, I); h (L, B, P) and c (L, B, H) (NULL
 * but for an LSTM) are read and overwritten. The output is the last layer's h. The bits are those
 * of rnnkit_forward. */
RNNKIT_API int rnnkit_stream_step(rnnkit_stream *stream, int64_t sequences, const void *x, void *h,
                                  void *c, int32_t threads);
RNNKIT_API void rnnkit_stream_free(rnnkit_stream *stream);

/* The instruction sets that this library holds and this machine runs, best first: "avx512,avx2,portable". */
RNNKIT_API const char *rnnkit_isas(void);
/* The one in use, and a change of it (RNNKIT_BAD_SIZE if it cannot run here). */
RNNKIT_API const char *rnnkit_isa(void);
RNNKIT_API int rnnkit_use_isa(const char *name);

/* Whether calls can use several threads (built with OpenMP). */
RNNKIT_API int rnnkit_has_threads(void);
/* In a forked child: use one thread from now on, since the parent's pool is not there. */
RNNKIT_API void rnnkit_after_fork(void);
/* Multiply-adds in registers alone: floating-point operations a second, the machine's limit. */
RNNKIT_API double rnnkit_peak(int32_t dtype, int32_t threads, double seconds);
RNNKIT_API int32_t rnnkit_abi(void);

#ifdef __cplusplus
}
#endif
#endif
