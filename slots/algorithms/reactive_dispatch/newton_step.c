/* Newton's step of a power flow's optimality conditions, one hour.
 *
 * A bus has four unknowns: its angle, the logarithm of its voltage, and the multipliers of its active and reactive
 * balance. Those of two buses meet where a branch joins them, so the matrix (Hessian of the Lagrangian, Jacobian of the
 * balance) has the pattern of the bus admittances in blocks of four by four. It is symmetric and is factorised as
 * L D L' block by block in the elimination order of the buses; pivots are searched within a bus's own block only.
 */
#include <math.h>
#include <string.h>

#define W 4 /* unknowns of a bus */
enum { A, U, P, Q }; /* angle, logarithm of voltage, multipliers of active and reactive balance */

typedef double row __attribute__((vector_size(8 * W), aligned(8)));
typedef struct { row r[W]; } block;

typedef struct { /* buses in elimination order */
  int buses;
  const int *y_ptr, *y_col, *y_below; /* admittances by row; where the block of each stands among those below the diagonal */
  const double *y_re, *y_im;
  const int *ptr, *at; /* per bus, the buses that its column reaches below the diagonal, sorted */
  block *diagonal;     /* (bus,), inverted by `factorise` */
  block *below, *lower; /* (entry of `at`) of the matrix and of L */
  int *mark;            /* (bus,) */
} System;

/* The matrix at a state, and powers and the gradient of multipliers times powers, all (bus,). */
void assemble(const System *s, const double *e, const double *f, const double *lp, const double *lq, double *p, double *q,
              double *by_angle, double *by_u) {
  int n = s->buses;
  memset(s->diagonal, 0, sizeof(block) * n);
  memset(s->below, 0, sizeof(block) * s->ptr[n]);
  for (int i = 0; i < n; i++) p[i] = q[i] = by_angle[i] = by_u[i] = 0;
  for (int i = 0; i < n; i++)
    for (int k = s->y_ptr[i]; k < s->y_ptr[i + 1]; k++) {
      int j = s->y_col[k];
      double cr = s->y_re[k] * e[j] - s->y_im[k] * f[j], ci = s->y_re[k] * f[j] + s->y_im[k] * e[j];
      double a = e[i] * cr + f[i] * ci, b = f[i] * cr - e[i] * ci; /* power towards j */
      double m = lp[i] * a + lq[i] * b, w = lq[i] * a - lp[i] * b; /* times multipliers, and its derivative by angle */
      row *d = s->diagonal[i].r, *o = s->diagonal[j].r;
      p[i] += a; q[i] += b;
      by_u[i] += m; by_u[j] += m;
      d[P][U] += a; d[Q][U] += b;
      if (i == j) { d[P][U] += a; d[Q][U] += b; d[U][U] += 4 * m; continue; }
      by_angle[i] += w; by_angle[j] -= w;
      d[P][A] -= b; d[Q][A] += a;
      d[A][A] -= m; d[U][U] += m; d[U][A] += w;
      o[A][A] -= m; o[U][U] += m; o[U][A] -= w;
      row *x = s->below[s->y_below[k]].r;
      x[A][A] += m; x[U][U] += m;
      if (i > j) {
        x[A][U] += w; x[U][A] -= w;
        x[P][A] += b; x[P][U] += a; x[Q][A] -= a; x[Q][U] += b;
      } else {
        x[A][U] -= w; x[U][A] += w;
        x[A][P] += b; x[U][P] += a; x[A][Q] -= a; x[U][Q] += b;
      }
    }
  for (int i = 0; i < n; i++) {
    row *d = s->diagonal[i].r;
    for (int r = 0; r < W; r++) for (int c = r + 1; c < W; c++) d[r][c] = d[c][r];
  }
}

/* The inverse of a block, rows exchanged for the largest pivots; 0 if it is singular. */
static int invert(block *m) {
  row a[W], b[W];
  for (int r = 0; r < W; r++) { a[r] = m->r[r]; b[r] = (row){r == 0, r == 1, r == 2, r == 3}; }
  for (int c = 0; c < W; c++) {
    int big = c;
    for (int r = c + 1; r < W; r++) if (fabs(a[r][c]) > fabs(a[big][c])) big = r;
    if (!(fabs(a[big][c]) > 1e-12)) return 0;
    row t = a[c]; a[c] = a[big]; a[big] = t;
    t = b[c]; b[c] = b[big]; b[big] = t;
    double d = 1 / a[c][c];
    a[c] *= d; b[c] *= d;
    for (int r = 0; r < W; r++) {
      if (r == c) continue;
      double l = a[r][c];
      a[r] -= l * a[c]; b[r] -= l * b[c];
    }
  }
  for (int r = 0; r < W; r++) m->r[r] = b[r];
  return 1;
}

static inline block transposed(const block *m) {
  block t;
  for (int r = 0; r < W; r++) t.r[r] = (row){m->r[0][r], m->r[1][r], m->r[2][r], m->r[3][r]};
  return t;
}

/* to -= l * w */
static inline void take(block *to, const block *l, const block *w) {
  for (int r = 0; r < W; r++)
    to->r[r] -= l->r[r][0] * w->r[0] + l->r[r][1] * w->r[1] + l->r[r][2] * w->r[2] + l->r[r][3] * w->r[3];
}

/* Factorise what was assembled, with what is added to the diagonals of angle, u and reactive balance; 0 if singular. */
int factorise(const System *s, const double *more_a, const double *more_u, const double *more_q) {
  int n = s->buses;
  for (int b = 0; b < n; b++) {
    block *d = s->diagonal + b;
    d->r[A][A] += more_a[b]; d->r[U][U] += more_u[b]; d->r[Q][Q] += more_q[b];
  }
  for (int b = 0; b < n; b++) {
    if (!invert(s->diagonal + b)) return 0;
    int end = s->ptr[b + 1];
    for (int k = s->ptr[b]; k < end; k++) {
      block zero = {{{0}}}, l = zero;
      take(&l, s->below + k, s->diagonal + b);
      for (int r = 0; r < W; r++) s->lower[k].r[r] = -l.r[r];
    }
    for (int k = s->ptr[b]; k < end; k++) {
      int i = s->at[k];
      block w = transposed(s->below + k);
      take(s->diagonal + i, s->lower + k, &w);
      for (int q = s->ptr[i]; q < s->ptr[i + 1]; q++) s->mark[s->at[q]] = q;
      for (int q = k + 1; q < end; q++) take(s->below + s->mark[s->at[q]], s->lower + q, &w);
    }
  }
  return 1;
}

/* x (bus, unknown) of the factorised system, in place. */
void solve(const System *s, double *values) {
  row *x = (row *)values;
  for (int b = 0; b < s->buses; b++) {
    for (int k = s->ptr[b]; k < s->ptr[b + 1]; k++) {
      block l = transposed(s->lower + k);
      x[s->at[k]] -= l.r[0] * x[b][0] + l.r[1] * x[b][1] + l.r[2] * x[b][2] + l.r[3] * x[b][3];
    }
  }
  for (int b = s->buses - 1; b >= 0; b--) {
    block d = transposed(s->diagonal + b);
    row y = d.r[0] * x[b][0] + d.r[1] * x[b][1] + d.r[2] * x[b][2] + d.r[3] * x[b][3];
    for (int k = s->ptr[b]; k < s->ptr[b + 1]; k++) {
      const row *l = s->lower[k].r, *o = x + s->at[k];
      y -= l[0] * (*o)[0] + l[1] * (*o)[1] + l[2] * (*o)[2] + l[3] * (*o)[3];
    }
    x[b] = y;
  }
}
