/* AC outages of one hour, several at once in the lanes of a vector.
 *
 * The Jacobian of the intact hour is factorised once, without pivoting, in the elimination order of the buses. Each
 * outage is a correction of rank three of it (Sherman, Morrison and Woodbury; Alsac, Stott and Tinney, 1983), and each
 * bus that gives up its voltage at a reactive limit one border more. Newton's steps go on with that matrix against
 * exact mismatches until they vanish, each mended by what the last one did (Anderson, 1965). Buses come in elimination
 * order, the slack bus last. Unknowns of a bus are its angle and, where its voltage is free, the logarithm of its
 * magnitude; the last unknown is the deficit that buses share, its equation the active power of the slack bus.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX__)
#define LANES 4
#else
#define LANES 2
#endif
#define MAX_SWITCHED 80 /* buses of one case that may give up their voltage; more are left to the caller */
#define MAX_UNION 320   /* the same of all cases of a tile */
#define SMALL (3 + MAX_SWITCHED)
#define SWITCH_BELOW 2e-2 /* p.u. of mismatch from which reactive outputs are believed */
#define MAX_RETURNS 3     /* times that a bus takes up its voltage again */
#define SLOW 0.7          /* of the mismatch left by a step */
#define PATIENCE 4        /* slow steps in a row that show that these steps lead nowhere */
#define PIN 10.0          /* p.u.; ties an island of one bus to something */

typedef double vec __attribute__((vector_size(8 * LANES)));
typedef long long mask __attribute__((vector_size(8 * LANES)));
typedef double pair __attribute__((vector_size(16)));

typedef struct { /* the network, in elimination order */
  int buses, branches, watched;
  const int *y_ptr, *y_col, *y_in_fill; /* bus admittances by row, and where each stands in the fill */
  const double *y_re, *y_im;
  const int *fill_ptr, *fill_col; /* buses that a bus's rows reach after elimination, sorted, without the slack bus */
  const int *from, *to;
  const double *ff_re, *ff_im, *ft_re, *ft_im, *tf_re, *tf_im, *tt_re, *tt_im;
  const int *watch;        /* branches with a rating */
  const double *per_rate2; /* 1 / rating^2 (p.u.) of each */
  const double *v_low, *v_high;
} Net;

typedef struct { /* one hour */
  const double *e, *f, *p, *q, *share, *q_low, *q_high, *shunt;
  const unsigned char *held;
} Hour;

typedef struct { /* the cases and what becomes of them */
  int count;
  const int *branch, *dead; /* dead: the bus that an outage cuts off, or -1 */
  double tolerance, reactive_tolerance, return_tolerance;
  int most;
  int *converged, *iterations, *where;
  double *loading, *v_min, *v_max, *margin;
  double *e, *f;        /* (case, bus), or null */
  unsigned char *held;  /* (case, bus), or null */
} Cases;

typedef struct { /* the factorised Jacobian of an hour */
  int size, candidates;
  int *angle, *free_v;        /* first unknown of a bus, and whether its voltage is one */
  int *ptr, *col, *diagonal;  /* per bus: its columns (the deficit last), and where its own begin */
  int *offset;                /* of each fill entry within its bus's columns */
  double *val, *pivot, *last; /* rows of a bus interleaved; reciprocal pivots; the slack bus's row */
  int *val_ptr;
  int *candidate, *bus_of;    /* number of a bus that may give up its voltage, and back */
  double *by_angle, *by_v;    /* row of the reactive power of each held bus, by entry of y */
  double *spread;             /* (candidate, unknown) effect of each held voltage */
  double *miss_p, *reactive;  /* (bus,) active mismatch and reactive power of the intact hour */
  double *mutual;             /* (candidate, candidate) reactive power by voltage, the rest eliminated */
} Factors;

int lanes(void) { return LANES; }

static inline vec all(double a) { vec r; for (int i = 0; i < LANES; i++) r[i] = a; return r; }
static inline vec pick(mask c, vec a, vec b) { return (vec)(((mask)a & c) | ((mask)b & ~c)); }
static inline vec least(vec a, vec b) { return pick(a < b, a, b); }
static inline vec most(vec a, vec b) { return pick(a > b, a, b); }
static inline vec size_of(vec a) { mask k; for (int i = 0; i < LANES; i++) k[i] = 0x7fffffffffffffffLL; return (vec)((mask)a & k); }
static inline int any(mask m) { long long r = 0; for (int i = 0; i < LANES; i++) r |= m[i]; return r != 0; }
static void *room(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64); }

/* ---- the intact hour ------------------------------------------------------------------------------------------ */

static void number_unknowns(const Net *net, const Hour *h, Factors *k) {
  int n = net->buses, next = 0, held = 0;
  for (int b = 0; b < n; b++) {
    int slack = b == n - 1;
    k->candidate[b] = -1;
    if (slack) { k->angle[b] = -1; k->free_v[b] = 0; continue; }
    k->angle[b] = next++;
    k->free_v[b] = !h->held[b];
    if (k->free_v[b]) next++;
    else { k->candidate[b] = held; k->bus_of[held++] = b; }
  }
  k->size = next + 1;
  k->candidates = held;
}

static void lay_out(const Net *net, Factors *k) {
  int at = 0, val = 0, n = net->buses;
  for (int b = 0; b < n - 1; b++) {
    k->ptr[b] = at; k->val_ptr[b] = val;
    int start = at;
    for (int q = net->fill_ptr[b]; q < net->fill_ptr[b + 1]; q++) {
      int j = net->fill_col[q];
      k->offset[q] = at - start;
      if (j == b) k->diagonal[b] = at - start;
      k->col[at++] = k->angle[j];
      if (k->free_v[j]) k->col[at++] = k->angle[j] + 1;
    }
    k->col[at++] = k->size - 1;
    val += (at - start) << k->free_v[b];
  }
  k->ptr[n - 1] = at; k->val_ptr[n - 1] = val;
}

static void fill_in(const Net *net, const Hour *h, Factors *k) {
  int n = net->buses, N = k->size;
  memset(k->val, 0, sizeof(double) * k->val_ptr[n - 1]);
  memset(k->last, 0, sizeof(double) * N);
  for (int b = 0; b < n; b++) {
    int slack = b == n - 1, two = !slack && k->free_v[b], step = 1 + two;
    double P = 0, Q = 0, e = h->e[b], f = h->f[b], *v = slack ? 0 : k->val + k->val_ptr[b];
    int own = -1;
    for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
      int j = net->y_col[q];
      double ir = net->y_re[q] * h->e[j] - net->y_im[q] * h->f[j], ii = net->y_re[q] * h->f[j] + net->y_im[q] * h->e[j];
      double ar = e * ir + f * ii, ai = f * ir - e * ii;
      P += ar; Q += ai;
      if (j == b) { own = q; continue; }
      k->by_angle[q] = -ar; k->by_v[q] = ai;
      if (slack) {
        k->last[k->angle[j]] = ai;
        if (k->free_v[j]) k->last[k->angle[j] + 1] = ar;
      } else if (j != n - 1) {
        double *w = v + step * k->offset[net->y_in_fill[q]];
        w[0] = ai;
        if (two) w[1] = -ar;
        if (k->free_v[j]) { w[step] = ar; if (two) w[step + 1] = ai; }
      }
    }
    k->miss_p[b] = h->p[b] - P; k->reactive[b] = Q;
    double v2 = e * e + f * f, G = net->y_re[own], S = net->y_im[own];
    k->by_angle[own] = P - G * v2; k->by_v[own] = Q - S * v2;
    if (slack) { k->last[N - 1] = -h->share[b]; continue; }
    double *w = v + step * k->diagonal[b];
    w[0] = -Q - S * v2;
    if (two) { w[1] = P - G * v2; w[2] = P + G * v2; w[3] = Q - S * v2; }
    v[step * (k->ptr[b + 1] - k->ptr[b] - 1)] = -h->share[b];
  }
}

/* Row after row, scattered into dense ones; both rows of a bus together, since they reach the same columns. */
static int eliminate(const Net *net, Factors *k, int *bus_at, pair *w) {
  int n = net->buses, N = k->size;
  for (int b = 0; b < n - 1; b++) {
    const int *c = k->col + k->ptr[b];
    int two = k->free_v[b], step = 1 + two, count = k->ptr[b + 1] - k->ptr[b], own = k->diagonal[b], t = k->angle[b];
    double *v = k->val + k->val_ptr[b];
    bus_at[t] = b; if (two) bus_at[t + 1] = b;
    for (int q = 0; q < count; q++) w[c[q]] = (pair){v[step * q], two ? v[step * q + 1] : 0};
    for (int q = 0; q < own; q++) {
      int i = c[q], o = bus_at[i];
      const int *oc = k->col + k->ptr[o];
      const double *ov = k->val + k->val_ptr[o];
      int oq = k->diagonal[o] + 1, end = k->ptr[o + 1] - k->ptr[o];
      pair l0 = w[i] * k->pivot[i];
      w[i] = l0;
      if (k->free_v[o]) { /* two pivots with the same columns */
        pair l1 = (w[i + 1] - l0 * ov[2 * oq]) * k->pivot[i + 1];
        w[i + 1] = l1;
        q++;
#pragma GCC ivdep
        for (oq++; oq < end; oq++) w[oc[oq]] -= l0 * ov[2 * oq] + l1 * ov[2 * oq + 1];
      } else {
#pragma GCC ivdep
        for (; oq < end; oq++) w[oc[oq]] -= l0 * ov[oq];
      }
    }
    if (fabs(w[t][0]) < 1e-12) return 0;
    k->pivot[t] = 1 / w[t][0];
    if (two) {
      double l = w[t][1] * k->pivot[t];
      w[t][1] = l;
      for (int q = own + 1; q < count; q++) w[c[q]][1] -= l * w[c[q]][0];
      if (fabs(w[t + 1][1]) < 1e-12) return 0;
      k->pivot[t + 1] = 1 / w[t + 1][1];
    }
    for (int q = 0; q < count; q++) { v[step * q] = w[c[q]][0]; if (two) v[step * q + 1] = w[c[q]][1]; }
  }
  for (int b = 0; b < n - 1; b++)
    for (int s = 0; s <= k->free_v[b]; s++) {
      int i = k->angle[b] + s, wide = 1 + k->free_v[b], end = k->ptr[b + 1] - k->ptr[b];
      double l = k->last[i] * k->pivot[i];
      const int *c = k->col + k->ptr[b];
      const double *v = k->val + k->val_ptr[b] + s;
      k->last[i] = l;
      for (int q = k->diagonal[b] + s + 1; q < end; q++) k->last[c[q]] -= l * v[wide * q];
    }
  if (fabs(k->last[N - 1]) < 1e-12) return 0;
  k->pivot[N - 1] = 1 / k->last[N - 1];
  return 1;
}

/* ---- solving with the factors: R right-hand sides per unknown, each a vector of lanes ----------------------------- */

/* Entries of a row, or of the two rows of a bus, against the unknowns: two sums at a time, which do not wait for each other. */
#define TWO_ROWS(R, FIRST, LAST)                                                                                    \
  {                                                                                                                 \
    int q = FIRST;                                                                                                  \
    vec a2[R], d2[R];                                                                                               \
    for (int r = 0; r < R; r++) a2[r] = d2[r] = all(0);                                                             \
    for (; q + 1 < (LAST); q += 2) {                                                                                \
      const vec *y = x + R * c[q], *z = x + R * c[q + 1];                                                           \
      for (int r = 0; r < R; r++) {                                                                                 \
        a[r] -= v[2 * q] * y[r]; d[r] -= v[2 * q + 1] * y[r];                                                       \
        a2[r] -= v[2 * q + 2] * z[r]; d2[r] -= v[2 * q + 3] * z[r];                                                 \
      }                                                                                                             \
    }                                                                                                               \
    for (; q < (LAST); q++) {                                                                                       \
      const vec *y = x + R * c[q];                                                                                  \
      for (int r = 0; r < R; r++) { a[r] -= v[2 * q] * y[r]; d[r] -= v[2 * q + 1] * y[r]; }                         \
    }                                                                                                               \
    for (int r = 0; r < R; r++) { a[r] += a2[r]; d[r] += d2[r]; }                                                   \
  }
#define ONE_ROW(R, FIRST, LAST)                                                                                     \
  {                                                                                                                 \
    int q = FIRST;                                                                                                  \
    vec a2[R];                                                                                                      \
    for (int r = 0; r < R; r++) a2[r] = all(0);                                                                     \
    for (; q + 1 < (LAST); q += 2) {                                                                                \
      const vec *y = x + R * c[q], *z = x + R * c[q + 1];                                                           \
      for (int r = 0; r < R; r++) { a[r] -= v[q] * y[r]; a2[r] -= v[q + 1] * z[r]; }                                \
    }                                                                                                               \
    for (; q < (LAST); q++)                                                                                         \
      for (int r = 0; r < R; r++) a[r] -= v[q] * x[R * c[q] + r];                                                   \
    for (int r = 0; r < R; r++) a[r] += a2[r];                                                                      \
  }

#define SOLVER(NAME, R)                                                                                             \
  static void NAME(const Net *net, const Factors *k, vec *restrict x, int first) {                                  \
    int n = net->buses, N = k->size;                                                                                \
    for (int b = first; b < n - 1; b++) {                                                                           \
      const int *c = k->col + k->ptr[b];                                                                            \
      const double *v = k->val + k->val_ptr[b];                                                                     \
      int own = k->diagonal[b], t = k->angle[b];                                                                    \
      vec *o = x + R * t;                                                                                           \
      if (k->free_v[b]) {                                                                                           \
        vec a[R], d[R];                                                                                             \
        for (int r = 0; r < R; r++) { a[r] = o[r]; d[r] = o[R + r]; }                                               \
        TWO_ROWS(R, 0, own)                                                                                         \
        for (int r = 0; r < R; r++) { o[r] = a[r]; o[R + r] = d[r] - v[2 * own + 1] * a[r]; }                       \
      } else {                                                                                                      \
        vec a[R];                                                                                                   \
        for (int r = 0; r < R; r++) a[r] = o[r];                                                                    \
        ONE_ROW(R, 0, own)                                                                                          \
        for (int r = 0; r < R; r++) o[r] = a[r];                                                                    \
      }                                                                                                             \
    }                                                                                                               \
    vec s[R], s2[R];                                                                                                \
    int i = first < n - 1 ? k->angle[first] & ~1 : N - 1; /* what comes before is zero; sums pair up alike anywhere */ \
    for (int r = 0; r < R; r++) { s[r] = x[R * (N - 1) + r]; s2[r] = all(0); }                                      \
    for (; i + 1 < N - 1; i += 2)                                                                                   \
      for (int r = 0; r < R; r++) { s[r] -= k->last[i] * x[R * i + r]; s2[r] -= k->last[i + 1] * x[R * (i + 1) + r]; } \
    for (; i < N - 1; i++)                                                                                          \
      for (int r = 0; r < R; r++) s[r] -= k->last[i] * x[R * i + r];                                                \
    for (int r = 0; r < R; r++) x[R * (N - 1) + r] = (s[r] + s2[r]) * k->pivot[N - 1];                              \
    for (int b = n - 2; b >= 0; b--) {                                                                              \
      const int *c = k->col + k->ptr[b];                                                                            \
      const double *v = k->val + k->val_ptr[b];                                                                     \
      int own = k->diagonal[b], t = k->angle[b], end = k->ptr[b + 1] - k->ptr[b];                                   \
      vec *o = x + R * t;                                                                                           \
      if (k->free_v[b]) {                                                                                           \
        vec a[R], d[R];                                                                                             \
        for (int r = 0; r < R; r++) { a[r] = o[r]; d[r] = o[R + r]; }                                               \
        TWO_ROWS(R, own + 2, end)                                                                                   \
        for (int r = 0; r < R; r++) {                                                                               \
          d[r] *= k->pivot[t + 1];                                                                                  \
          o[R + r] = d[r];                                                                                          \
          o[r] = (a[r] - v[2 * (own + 1)] * d[r]) * k->pivot[t];                                                    \
        }                                                                                                           \
      } else {                                                                                                      \
        vec a[R];                                                                                                   \
        for (int r = 0; r < R; r++) a[r] = o[r];                                                                    \
        ONE_ROW(R, own + 1, end)                                                                                    \
        for (int r = 0; r < R; r++) o[r] = a[r] * k->pivot[t];                                                      \
      }                                                                                                             \
    }                                                                                                               \
  }
SOLVER(solve, 1)
SOLVER(solve3, 3)

/* Row of the reactive power of bus b against a column of unknowns with a stride. */
static double reactive_row(const Net *net, const Factors *k, int b, const double *x, int stride) {
  double sum = 0;
  for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
    int j = net->y_col[q], t = k->angle[j];
    if (t < 0) continue;
    sum += k->by_angle[q] * x[(long)stride * t];
    if (k->free_v[j]) sum += k->by_v[q] * x[(long)stride * (t + 1)];
  }
  return sum;
}

/* The same against unknowns in vectors. */
static vec reactive_rows(const Net *net, const Factors *k, int b, const vec *x) {
  vec sum = all(0);
  for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
    int j = net->y_col[q], t = k->angle[j];
    if (t < 0) continue;
    sum += k->by_angle[q] * x[t];
    if (k->free_v[j]) sum += k->by_v[q] * x[t + 1];
  }
  return sum;
}

/* What each held voltage does to all unknowns, and to the reactive powers of the others. */
static void spread_voltages(const Net *net, const Hour *h, Factors *k, vec *x) {
  int N = k->size, m = k->candidates;
  for (int first = 0; first < m; first += LANES) {
    memset(x, 0, sizeof(vec) * N);
    for (int lane = 0; lane < LANES && first + lane < m; lane++) {
      int b = k->bus_of[first + lane];
      for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
        int j = net->y_col[q], row = j == net->buses - 1 ? N - 1 : k->angle[j];
        double re = 0, im = 0;
        for (int s = net->y_ptr[j]; s < net->y_ptr[j + 1]; s++) {
          if (net->y_col[s] != b) continue;
          double ir = net->y_re[s] * h->e[b] - net->y_im[s] * h->f[b], ii = net->y_re[s] * h->f[b] + net->y_im[s] * h->e[b];
          re = h->e[j] * ir + h->f[j] * ii; im = h->f[j] * ir - h->e[j] * ii;
        }
        if (j == b) {
          double P = 0, v2 = h->e[b] * h->e[b] + h->f[b] * h->f[b];
          P = k->by_angle[q] + net->y_re[q] * v2; /* by_angle holds P - G v^2 */
          re = P + net->y_re[q] * v2;
        }
        x[row][lane] += re;
        if (j != net->buses - 1 && k->free_v[j]) x[row + 1][lane] += im;
      }
    }
    solve(net, k, x, 0);
    for (int lane = 0; lane < LANES && first + lane < m; lane++)
      for (int i = 0; i < N; i++) k->spread[(long)(first + lane) * N + i] = x[i][lane];
  }
  for (int a = 0; a < m; a++) {
    int b = k->bus_of[a];
    for (int c = 0; c < m; c++) k->mutual[(long)a * m + c] = reactive_row(net, k, b, k->spread + (long)c * N, 1);
    for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
      int other = k->candidate[net->y_col[q]];
      if (other >= 0) k->mutual[(long)a * m + other] -= k->by_v[q];
    }
  }
}

/* ---- a tile of outages ----------------------------------------------------------------------------------------- */

typedef struct {
  vec *e, *f, *x, *z, *rp, *qc, deficit;
  int branch[LANES], dead[LANES], switched[LANES], bus[LANES][MAX_SWITCHED], member[LANES][MAX_SWITCHED], side[LANES][MAX_SWITCHED];
  int taken_up; /* buses that took up their voltage in this step */
  int given_up[LANES], done[LANES], slow[LANES];
  double before[LANES];
  double out[LANES][4][3];          /* change of P and Q at both ends by (angle across, v_from, v_to) */
  double small[LANES][SMALL][SMALL]; /* factorised, rows as in order */
  int order[LANES][SMALL];
  int merged, members[MAX_UNION];
  vec give[MAX_UNION];
  vec *raw, *went; /* the last step, by the matrix and as it was gone; unknowns, then voltages of candidates */
  signed char *state; /* (bus, lane): 0 holds its voltage, 1 at its upper limit, -1 at its lower */
  unsigned char *returns;
} Tile;

#define AT(a, i, lane) (((double *)&(a)[i])[lane])

static void flow_of(const Net *net, int l, double ef, double ff, double et, double ft, double s[4]) {
  double ir = net->ff_re[l] * ef - net->ff_im[l] * ff + net->ft_re[l] * et - net->ft_im[l] * ft;
  double ii = net->ff_re[l] * ff + net->ff_im[l] * ef + net->ft_re[l] * ft + net->ft_im[l] * et;
  s[0] = ef * ir + ff * ii; s[1] = ff * ir - ef * ii;
  ir = net->tf_re[l] * ef - net->tf_im[l] * ff + net->tt_re[l] * et - net->tt_im[l] * ft;
  ii = net->tf_re[l] * ff + net->tf_im[l] * ef + net->tt_re[l] * ft + net->tt_im[l] * et;
  s[2] = et * ir + ft * ii; s[3] = ft * ir - et * ii;
}

/* Change of the rows at both ends of a branch that goes out. */
static void outage_rows(const Net *net, const Hour *h, int l, int dead, double D[4][3]) {
  int F = net->from[l], T = net->to[l];
  double ef = h->e[F], ff = h->f[F], et = h->e[T], ft = h->f[T], vf2 = ef * ef + ff * ff, vt2 = et * et + ft * ft;
  double ir = net->ft_re[l] * et - net->ft_im[l] * ft, ii = net->ft_re[l] * ft + net->ft_im[l] * et;
  double ar = ef * ir + ff * ii, ai = ff * ir - ef * ii;
  ir = net->tf_re[l] * ef - net->tf_im[l] * ff; ii = net->tf_re[l] * ff + net->tf_im[l] * ef;
  double br = et * ir + ft * ii, bi = ft * ir - et * ii;
  double R[4][3] = {{ai, -(2 * vf2 * net->ff_re[l] + ar), -ar},
                    {-ar, -(-2 * vf2 * net->ff_im[l] + ai), -ai},
                    {-bi, -br, -(2 * vt2 * net->tt_re[l] + br)},
                    {br, -bi, -(-2 * vt2 * net->tt_im[l] + bi)}};
  if (dead == F) { R[0][0] += PIN; R[1][1] += PIN; }
  if (dead == T) { R[2][0] -= PIN; R[3][2] += PIN; }
  memcpy(D, R, sizeof R);
}

static void start_tile(const Net *net, const Hour *h, const Factors *k, Tile *t) {
  int n = net->buses, N = k->size, first = n;
  for (int b = 0; b < n; b++) { t->e[b] = all(h->e[b]); t->f[b] = all(h->f[b]); }
  t->deficit = all(0);
  t->merged = 0;
  memset(t->z, 0, sizeof(vec) * 3 * N);
  memset(t->raw, 0, sizeof(vec) * (N + k->candidates)); memset(t->went, 0, sizeof(vec) * (N + k->candidates));
  memset(t->state, 0, (size_t)n * LANES);
  memset(t->returns, 0, (size_t)n * LANES);
  for (int lane = 0; lane < LANES; lane++) {
    int l = t->branch[lane];
    t->switched[lane] = t->given_up[lane] = t->done[lane] = t->slow[lane] = 0;
    t->before[lane] = 1e9;
    outage_rows(net, h, l, t->dead[lane], t->out[lane]);
    for (int end = 0; end < 2; end++) {
      int b = end ? net->to[l] : net->from[l], row = b == n - 1 ? N - 1 : k->angle[b];
      if (b < first) first = b;
      for (int s = 0; s < 3; s++) {
        AT(t->z, 3 * row + s, lane) += t->out[lane][2 * end][s];
        if (b != n - 1 && k->free_v[b]) AT(t->z, 3 * (row + 1) + s, lane) += t->out[lane][2 * end + 1][s];
      }
    }
  }
  solve3(net, k, t->z, first < n - 1 ? first : n - 2);
}

/* (angle across, v_from, v_to) of the outage's branch in unknowns with a stride; free voltages of the base only. */
static void across(const Net *net, const Factors *k, int l, const double *x, int stride, double u[3]) {
  int F = net->from[l], T = net->to[l];
  double a = k->angle[F] < 0 ? 0 : x[(long)stride * k->angle[F]], b = k->angle[T] < 0 ? 0 : x[(long)stride * k->angle[T]];
  u[0] = a - b;
  u[1] = k->free_v[F] ? x[(long)stride * (k->angle[F] + 1)] : 0;
  u[2] = k->free_v[T] ? x[(long)stride * (k->angle[T] + 1)] : 0;
}

static int factor_small(double m[SMALL][SMALL], int *order, int size) {
  for (int i = 0; i < size; i++) order[i] = i;
  for (int c = 0; c < size; c++) {
    int p = c;
    for (int r = c + 1; r < size; r++) if (fabs(m[order[r]][c]) > fabs(m[order[p]][c])) p = r;
    int o = order[c]; order[c] = order[p]; order[p] = o;
    double d = m[order[c]][c];
    if (fabs(d) < 1e-14) return 0;
    d = 1 / d; m[order[c]][c] = d;
    for (int r = c + 1; r < size; r++) {
      double l = m[order[r]][c] * d;
      m[order[r]][c] = l;
      if (l != 0) for (int s = c + 1; s < size; s++) m[order[r]][s] -= l * m[order[c]][s];
    }
  }
  return 1;
}

static void solve_small(double m[SMALL][SMALL], const int *order, int size, const double *rhs, double *out) {
  for (int i = 0; i < size; i++) {
    double a = rhs[order[i]];
    for (int s = 0; s < i; s++) a -= m[order[i]][s] * out[s];
    out[i] = a;
  }
  for (int i = size - 1; i >= 0; i--) {
    double a = out[i];
    for (int s = i + 1; s < size; s++) a -= m[order[i]][s] * out[s];
    out[i] = a * m[order[i]][i];
  }
}

/* The system of a lane's corrections: its outage, and the buses that have given up their voltage. */
static int build_small(const Net *net, const Factors *k, Tile *t, int lane) {
  int l = t->branch[lane], n = t->switched[lane], size = 3 + n, N = k->size, F = net->from[l], T = net->to[l];
  double(*m)[SMALL] = t->small[lane], u[3];
  for (int s = 0; s < 3; s++) {
    across(net, k, l, (double *)t->z + s * LANES + lane, 3 * LANES, u);
    for (int r = 0; r < 3; r++) m[r][s] = u[r] + (r == s);
  }
  for (int j = 0; j < n; j++) {
    int b = t->bus[lane][j], c = k->candidate[b];
    across(net, k, l, k->spread + (long)c * N, 1, u);
    u[1] -= b == F; u[2] -= b == T;
    for (int r = 0; r < 3; r++) m[r][3 + j] = u[r];
    for (int s = 0; s < 3; s++) {
      m[3 + j][s] = reactive_row(net, k, b, (double *)t->z + s * LANES + lane, 3 * LANES);
      if (b == F) m[3 + j][s] -= t->out[lane][1][s];
      if (b == T) m[3 + j][s] -= t->out[lane][3][s];
    }
    for (int i = 0; i < n; i++) m[3 + i][3 + j] = k->mutual[(long)k->candidate[t->bus[lane][i]] * k->candidates + c];
  }
  return factor_small(m, t->order[lane], size);
}

static void take_flows_out(const Net *net, const Hour *h, Tile *t) {
  for (int lane = 0; lane < LANES; lane++) {
    int l = t->branch[lane], F = net->from[l], T = net->to[l], d = t->dead[lane];
    double s[4];
    flow_of(net, l, AT(t->e, F, lane), AT(t->f, F, lane), AT(t->e, T, lane), AT(t->f, T, lane), s);
    AT(t->rp, F, lane) += s[0]; AT(t->qc, F, lane) -= s[1];
    AT(t->rp, T, lane) += s[2]; AT(t->qc, T, lane) -= s[3];
    if (d >= 0) { AT(t->rp, d, lane) = 0; AT(t->qc, d, lane) = h->q[d]; }
  }
}

/* Mismatches of all lanes: rp (active) and qc (reactive power) at every bus, the outages' branches taken out. */
static void mismatch(const Net *net, const Hour *h, Tile *t) {
  int n = net->buses;
  for (int b = 0; b < n; b++) {
    vec sr = all(0), si = all(0);
    for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
      double g = net->y_re[q], s = net->y_im[q];
      vec E = t->e[net->y_col[q]], F = t->f[net->y_col[q]];
      sr += g * E - s * F; si += g * F + s * E;
    }
    t->rp[b] = h->p[b] + h->share[b] * t->deficit - (t->e[b] * sr + t->f[b] * si);
    t->qc[b] = t->f[b] * sr - t->e[b] * si;
  }
  take_flows_out(net, h, t);
}

/* Mismatches at the intact state: the intact hour's, and what flowed over the outages' branches. */
static void first_mismatch(const Net *net, const Hour *h, const Factors *k, Tile *t) {
  for (int b = 0; b < net->buses; b++) { t->rp[b] = all(k->miss_p[b]); t->qc[b] = all(k->reactive[b]); }
  take_flows_out(net, h, t);
}

static vec right_side(const Net *net, const Hour *h, const Factors *k, Tile *t) {
  vec worst = all(0);
  for (int b = 0; b < net->buses - 1; b++) {
    int i = k->angle[b];
    t->x[i] = t->rp[b];
    worst = most(worst, size_of(t->x[i]));
    if (k->free_v[b]) { t->x[i + 1] = h->q[b] - t->qc[b]; worst = most(worst, size_of(t->x[i + 1])); }
  }
  t->x[k->size - 1] = t->rp[net->buses - 1];
  worst = most(worst, size_of(t->x[k->size - 1]));
  for (int lane = 0; lane < LANES; lane++)
    for (int j = 0; j < t->switched[lane]; j++) {
      int b = t->bus[lane][j];
      double miss = fabs((t->side[lane][j] > 0 ? h->q_high[b] : h->q_low[b]) - AT(t->qc, b, lane));
      if (!(miss <= worst[lane])) worst[lane] = miss;
    }
  return worst;
}

static void take_up(const Hour *h, const Factors *k, Tile *t, int lane, int j) {
  int b = t->bus[lane][j], last = --t->switched[lane];
  double ratio = sqrt((h->e[b] * h->e[b] + h->f[b] * h->f[b]) /
                      (AT(t->e, b, lane) * AT(t->e, b, lane) + AT(t->f, b, lane) * AT(t->f, b, lane)));
  AT(t->e, b, lane) *= ratio; AT(t->f, b, lane) *= ratio;
  AT(t->raw, k->size + k->candidate[b], lane) = AT(t->went, k->size + k->candidate[b], lane) = 0;
  t->taken_up++;
  t->state[b * LANES + lane] = 0;
  t->returns[b * LANES + lane]++;
  t->bus[lane][j] = t->bus[lane][last]; t->side[lane][j] = t->side[lane][last];
}

/* The buses that any lane has switched, in the order of candidates, so that sums do not depend on the neighbours. */
static void merge(const Factors *k, Tile *t) {
  int at[MAX_UNION];
  t->merged = 0;
  for (int m = 0; m < k->candidates; m++) {
    const signed char *state = t->state + k->bus_of[m] * LANES;
    int some = 0;
    for (int lane = 0; lane < LANES; lane++) some |= state[lane];
    if (m < MAX_UNION) at[m] = t->merged;
    if (!some) continue;
    for (int lane = 0; lane < LANES && m >= MAX_UNION; lane++) if (state[lane]) { t->given_up[lane] = 1; t->switched[lane] = 0; }
    if (m < MAX_UNION) t->members[t->merged++] = k->bus_of[m];
  }
  for (int lane = 0; lane < LANES; lane++)
    for (int j = 0; j < t->switched[lane]; j++) t->member[lane][j] = at[k->candidate[t->bus[lane][j]]];
}

/* Whether a bus at a reactive limit no longer needs to be there: its voltage is beyond what it would hold. */
static int could_hold(const Hour *h, const Cases *c, const Tile *t, int lane, int j) {
  int b = t->bus[lane][j];
  double v = sqrt(AT(t->e, b, lane) * AT(t->e, b, lane) + AT(t->f, b, lane) * AT(t->f, b, lane));
  double set = sqrt(h->e[b] * h->e[b] + h->f[b] * h->f[b]);
  return t->side[lane][j] > 0 ? v > set + c->return_tolerance : v < set - c->return_tolerance;
}

/* Whether a bus has taken up its voltage as often as it may, and would again: its limits and its voltage have no state
 * between them that this method finds. */
static int torn(const Hour *h, const Cases *c, const Tile *t, int lane) {
  for (int j = 0; j < t->switched[lane]; j++)
    if (t->returns[t->bus[lane][j] * LANES + lane] >= MAX_RETURNS && could_hold(h, c, t, lane, j)) return 1;
  return 0;
}

/* Buses beyond a reactive limit give up their voltage, those that no longer need to take it up again. */
static mask switch_buses(const Net *net, const Hour *h, const Factors *k, const Cases *c, Tile *t, vec worst) {
  mask changed = {0};
  t->taken_up = 0;
  for (int lane = 0; lane < LANES; lane++) {
    if (t->done[lane] || t->given_up[lane] || !(worst[lane] < SWITCH_BELOW)) continue;
    for (int j = t->switched[lane] - 1; j >= 0; j--) {
      if (t->returns[t->bus[lane][j] * LANES + lane] >= MAX_RETURNS || !could_hold(h, c, t, lane, j)) continue;
      take_up(h, k, t, lane, j);
      changed[lane] = -1;
    }
  }
  for (int m = 0; m < k->candidates; m++) {
    int b = k->bus_of[m];
    mask over = t->qc[b] > all(h->q_high[b] + c->reactive_tolerance), under = t->qc[b] < all(h->q_low[b] - c->reactive_tolerance);
    if (!any(over | under)) continue;
    for (int lane = 0; lane < LANES; lane++) {
      int s = over[lane] ? 1 : under[lane] ? -1 : 0;
      if (!s || t->state[b * LANES + lane] || t->dead[lane] == b) continue;
      if (t->done[lane] || t->given_up[lane] || !(worst[lane] < SWITCH_BELOW)) continue;
      if (t->returns[b * LANES + lane] && changed[lane]) continue; /* just taken up */
      if (t->switched[lane] == MAX_SWITCHED) { t->given_up[lane] = 1; continue; }
      int j = t->switched[lane]++;
      t->bus[lane][j] = b; t->side[lane][j] = s; t->state[b * LANES + lane] = s;
      changed[lane] = -1;
    }
  }
  if (!any(changed)) return changed;
  for (int lane = 0; lane < LANES; lane++)
    if (changed[lane] && !t->given_up[lane] && !build_small(net, k, t, lane)) t->given_up[lane] = 1;
  merge(k, t);
  return changed;
}

/* From the step of the intact matrix to that of each lane's own. */
static void correct(const Net *net, const Hour *h, const Factors *k, Tile *t) {
  int N = k->size;
  vec a[3] = {all(0), all(0), all(0)};
  vec reactive[MAX_UNION];
  for (int u = 0; u < t->merged; u++) {
    t->give[u] = all(0);
    reactive[u] = reactive_rows(net, k, t->members[u], t->x);
  }
  for (int lane = 0; lane < LANES; lane++) {
    if (t->given_up[lane]) continue;
    int n = t->switched[lane];
    double rhs[SMALL], out[SMALL];
    across(net, k, t->branch[lane], (double *)t->x + lane, LANES, rhs);
    for (int j = 0; j < n; j++) {
      int b = t->bus[lane][j];
      double miss = (t->side[lane][j] > 0 ? h->q_high[b] : h->q_low[b]) - AT(t->qc, b, lane);
      rhs[3 + j] = reactive[t->member[lane][j]][lane] - miss;
    }
    solve_small(t->small[lane], t->order[lane], 3 + n, rhs, out);
    for (int s = 0; s < 3; s++) a[s][lane] = out[s];
    for (int j = 0; j < n; j++) t->give[t->member[lane][j]][lane] = out[3 + j];
  }
  for (int i = 0; i < N; i++) t->x[i] -= t->z[3 * i] * a[0] + t->z[3 * i + 1] * a[1] + t->z[3 * i + 2] * a[2];
  int u = 0;
  for (; u + 4 <= t->merged; u += 4) {
    const double *s0 = k->spread + (long)k->candidate[t->members[u]] * N, *s1 = k->spread + (long)k->candidate[t->members[u + 1]] * N;
    const double *s2 = k->spread + (long)k->candidate[t->members[u + 2]] * N, *s3 = k->spread + (long)k->candidate[t->members[u + 3]] * N;
    vec g0 = t->give[u], g1 = t->give[u + 1], g2 = t->give[u + 2], g3 = t->give[u + 3];
    for (int i = 0; i < N; i++) t->x[i] = t->x[i] - s0[i] * g0 - s1[i] * g1 - s2[i] * g2 - s3[i] * g3;
  }
  for (; u < t->merged; u++) {
    const double *s = k->spread + (long)k->candidate[t->members[u]] * N;
    vec g = t->give[u];
    for (int i = 0; i < N; i++) t->x[i] -= s[i] * g;
  }
}

static inline vec clipped(vec a, double limit) { return most(least(a, all(limit)), all(-limit)); }

/* Anderson's acceleration, one step back: how the last step changed the next one tells how much of it was amiss.
 * same: lanes whose matrix is the last step's. */
static void accelerate(const Factors *k, Tile *t, mask same) {
  int N = k->size;
  vec num = all(0), den = all(0);
  for (int i = 0; i < N - 1; i++) { vec d = t->x[i] - t->raw[i]; num += t->x[i] * d; den += d * d; }
  for (int u = 0; u < t->merged; u++) {
    int c = N + k->candidate[t->members[u]];
    vec d = t->give[u] - t->raw[c];
    num += t->give[u] * d; den += d * d;
  }
  mask good = same & (den > all(1e-30));
  vec part = pick(good, num / pick(good, den, all(1)), all(0));
  part = least(most(part, all(-1)), all(1));
  for (int i = 0; i < N; i++) {
    vec s = t->x[i];
    t->x[i] = s - part * (t->went[i] + s - t->raw[i]);
    t->raw[i] = s; t->went[i] = t->x[i];
  }
  for (int u = 0; u < t->merged; u++) {
    int c = N + k->candidate[t->members[u]];
    vec s = t->give[u];
    t->give[u] = s - part * (t->went[c] + s - t->raw[c]);
    t->raw[c] = s; t->went[c] = t->give[u];
  }
}

/* Cases that have converged stand still, so that what comes out does not depend on their neighbours. */
static void advance(const Net *net, const Factors *k, Tile *t) {
  mask on;
  for (int lane = 0; lane < LANES; lane++) on[lane] = t->done[lane] || t->given_up[lane] ? 0 : -1;
  for (int i = 0; i < k->size; i++) t->x[i] = (vec)((mask)t->x[i] & on);
  for (int u = 0; u < t->merged; u++) t->give[u] = (vec)((mask)t->give[u] & on);
  for (int b = 0; b < net->buses - 1; b++) {
    int i = k->angle[b];
    vec d = clipped(t->x[i], .7), d2 = d * d;
    vec c = 1. + d2 * (-.5 + d2 * (1 / 24. + d2 * (-1 / 720. + d2 * (1 / 40320. - d2 / 3628800.))));
    vec s = d * (1. + d2 * (-1 / 6. + d2 * (1 / 120. + d2 * (-1 / 5040. + d2 * (1 / 362880. - d2 / 39916800.)))));
    if (k->free_v[b]) { vec m = 1. + clipped(t->x[i + 1], .2); c *= m; s *= m; }
    vec e = t->e[b] * c - t->f[b] * s;
    t->f[b] = t->e[b] * s + t->f[b] * c;
    t->e[b] = e;
  }
  for (int u = 0; u < t->merged; u++) {
    vec m = 1. + clipped(t->give[u], .2);
    t->e[t->members[u]] *= m; t->f[t->members[u]] *= m;
  }
  t->deficit += t->x[k->size - 1];
}

static void solve_tile(const Net *net, const Hour *h, const Factors *k, const Cases *c, Tile *t, int *iterations) {
  start_tile(net, h, k, t);
  for (int lane = 0; lane < LANES; lane++) {
    if (!build_small(net, k, t, lane)) t->given_up[lane] = 1;
    iterations[lane] = c->most;
  }
  for (int step = 0; step <= c->most; step++) {
    if (step) mismatch(net, h, t); else first_mismatch(net, h, k, t);
    vec worst = right_side(net, h, k, t);
    mask changed = switch_buses(net, h, k, c, t, worst);
    if (t->taken_up) mismatch(net, h, t);
    if (any(changed)) worst = right_side(net, h, k, t);
    int open = 0;
    for (int lane = 0; lane < LANES; lane++) {
      if (!(worst[lane] < 1e6)) t->given_up[lane] = 1; /* also where it is not a number */
      t->slow[lane] = worst[lane] > SLOW * t->before[lane] && !changed[lane] && !t->done[lane] ? t->slow[lane] + 1 : 0;
      t->before[lane] = worst[lane];
      if (t->slow[lane] == PATIENCE) t->given_up[lane] = 1; /* Newton's full method is quicker */
      int done = worst[lane] < c->tolerance && !changed[lane] && !t->given_up[lane];
      if (done && torn(h, c, t, lane)) { t->given_up[lane] = 1; done = 0; }
      if (done && !t->done[lane]) iterations[lane] = step;
      t->done[lane] = done || (t->done[lane] && !t->given_up[lane]);
      open += !t->done[lane] && !t->given_up[lane];
    }
    if (!open || step == c->most) break;
    solve(net, k, t->x, 0);
    correct(net, h, k, t);
    if (step) accelerate(k, t, ~changed); else accelerate(k, t, (mask){0});
    advance(net, k, t);
  }
}

static void results(const Net *net, const Cases *c, Tile *t, int first, const int *iterations) {
  vec top = all(0), low = all(1e9), high = all(0), beyond = all(-1e9);
  mask where = {0};
  for (int w = 0; w < net->watched; w++) {
    int l = net->watch[w], F = net->from[l], T = net->to[l];
    vec ef = t->e[F], ff = t->f[F], et = t->e[T], ft = t->f[T];
    vec ir = net->ff_re[l] * ef - net->ff_im[l] * ff + net->ft_re[l] * et - net->ft_im[l] * ft;
    vec ii = net->ff_re[l] * ff + net->ff_im[l] * ef + net->ft_re[l] * ft + net->ft_im[l] * et;
    vec a = (ir * ir + ii * ii) * (ef * ef + ff * ff);
    ir = net->tf_re[l] * ef - net->tf_im[l] * ff + net->tt_re[l] * et - net->tt_im[l] * ft;
    ii = net->tf_re[l] * ff + net->tf_im[l] * ef + net->tt_re[l] * ft + net->tt_im[l] * et;
    a = most(a, (ir * ir + ii * ii) * (et * et + ft * ft)) * net->per_rate2[w];
    for (int lane = 0; lane < LANES; lane++) if (t->branch[lane] == l) a[lane] = 0;
    mask more = a > top, here;
    for (int lane = 0; lane < LANES; lane++) here[lane] = l;
    where = (here & more) | (where & ~more);
    top = most(top, a);
  }
  for (int b = 0; b < net->buses; b++) {
    vec a = t->e[b] * t->e[b] + t->f[b] * t->f[b];
    for (int lane = 0; lane < LANES; lane++) a[lane] = sqrt(a[lane]);
    vec out = most(net->v_low[b] - a, a - net->v_high[b]), small = a, large = a;
    for (int lane = 0; lane < LANES; lane++) if (t->dead[lane] == b) { small[lane] = 1e9; large[lane] = 0; out[lane] = -1e9; }
    low = least(low, small); high = most(high, large); beyond = most(beyond, out);
  }
  for (int lane = 0; lane < LANES && first + lane < c->count; lane++) {
    int i = first + lane;
    c->converged[i] = t->done[lane]; c->iterations[i] = iterations[lane]; c->where[i] = (int)where[lane];
    c->loading[i] = sqrt(top[lane]); c->v_min[i] = low[lane]; c->v_max[i] = high[lane]; c->margin[i] = beyond[lane];
  }
}

static void keep_voltages(const Net *net, const Factors *k, const Cases *c, const Tile *t, int first) {
  int n = net->buses;
  for (int lane = 0; lane < LANES && first + lane < c->count; lane++)
    for (int b = 0; b < n; b++) {
      long i = (long)(first + lane) * n + b;
      int dead = t->dead[lane] == b, held = b == n - 1 || (!k->free_v[b] && !t->state[b * LANES + lane]);
      c->e[i] = dead ? 0 : AT(t->e, b, lane); c->f[i] = dead ? 0 : AT(t->f, b, lane);
      c->held[i] = !dead && held;
    }
}

static void new_factors(const Net *net, Factors *k) {
  int n = net->buses, fill = net->fill_ptr[n - 1], wide = 2 * fill + n;
  k->angle = room(4L * n); k->free_v = room(4L * n); k->ptr = room(4L * n); k->diagonal = room(4L * n);
  k->val_ptr = room(4L * n); k->candidate = room(4L * n); k->bus_of = room(4L * n); k->offset = room(4L * fill);
  k->col = room(4L * wide); k->val = room(16L * wide); k->pivot = room(16L * n); k->last = room(16L * n);
  k->by_angle = room(8L * net->y_ptr[n]); k->by_v = room(8L * net->y_ptr[n]);
  k->miss_p = room(8L * n); k->reactive = room(8L * n);
  k->spread = 0; k->mutual = 0;
}

static void drop_factors(Factors *k) {
  free(k->angle); free(k->free_v); free(k->ptr); free(k->diagonal); free(k->val_ptr); free(k->candidate); free(k->bus_of);
  free(k->offset); free(k->col); free(k->val); free(k->pivot); free(k->last); free(k->by_angle); free(k->by_v);
  free(k->spread); free(k->mutual); free(k->miss_p); free(k->reactive);
}

/* ---- a case by itself: Newton's full method, damped -------------------------------------------------------------- */

#define SHORTEST 0.05 /* of a step; where none this long helps, there is no solution nearby */
#define ROUNDS 30     /* of switching */
#define ROUGH 1e-4    /* p.u. of mismatch from which buses switch; the last round goes to the tolerance */
#define WELL 0.1      /* of the mismatch left by a step: the factors serve another */

typedef struct {
  Net net;           /* with the branch taken out of the admittances */
  Hour hour;         /* state and held buses as they change */
  double *y_re, *y_im, *e, *f, *q, *try_e, *try_f;
  double *met_e, *met_f; /* where the first start's first round ended, if it did */
  pair *rows;
  unsigned char *held, *met_held;
  int *bus_at, dead, met;
  double deficit;
} Alone;

static double *copy(const double *a, long n) { double *r = room(8 * n); memcpy(r, a, 8 * n); return r; }

static void take_out(const Net *net, double *re, double *im, int l) {
  int F = net->from[l], T = net->to[l];
  int row[4] = {F, F, T, T}, col[4] = {F, T, F, T};
  const double *yr[4] = {net->ff_re, net->ft_re, net->tf_re, net->tt_re}, *yi[4] = {net->ff_im, net->ft_im, net->tf_im, net->tt_im};
  for (int m = 0; m < 4; m++)
    for (int q = net->y_ptr[row[m]]; q < net->y_ptr[row[m] + 1]; q++)
      if (net->y_col[q] == col[m]) { re[q] -= yr[m][l]; im[q] -= yi[m][l]; }
}

/* Largest mismatch at a state; into x, if given, as a right-hand side; into reactive, if given, all reactive powers. */
static double miss(const Alone *a, const Hour *h, const Factors *k, const double *e, const double *f, double deficit, vec *x, double *reactive) {
  const Net *net = &a->net;
  double worst = 0;
  for (int b = 0; b < net->buses; b++) {
    double sr = 0, si = 0;
    for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) {
      int j = net->y_col[q];
      sr += net->y_re[q] * e[j] - net->y_im[q] * f[j]; si += net->y_re[q] * f[j] + net->y_im[q] * e[j];
    }
    double Q = f[b] * sr - e[b] * si, p = h->p[b] + h->share[b] * deficit - (e[b] * sr + f[b] * si), q = a->q[b] - Q;
    if (b == a->dead) p = q = 0;
    if (reactive) reactive[b] = Q;
    int i = b == net->buses - 1 ? k->size - 1 : k->angle[b];
    if (x) x[i] = all(p);
    if (!(fabs(p) <= worst)) worst = fabs(p);
    if (b == net->buses - 1 || !k->free_v[b]) continue;
    if (x) x[i + 1] = all(q);
    if (!(fabs(q) <= worst)) worst = fabs(q);
  }
  return worst;
}

/* The Jacobian at the present state, factorised; 0 if it is singular. */
static int factorise(Alone *a, Factors *k) {
  fill_in(&a->net, &a->hour, k);
  if (a->dead >= 0) {
    double *w = k->val + k->val_ptr[a->dead] + (1 + k->free_v[a->dead]) * k->diagonal[a->dead];
    w[0] += PIN;
    if (k->free_v[a->dead]) w[3] += PIN;
  }
  return eliminate(&a->net, k, a->bus_at, a->rows);
}

/* Along the direction x as far as the mismatch gets smaller; 0 if nowhere. */
static int step_along(Alone *a, const Hour *h, const Factors *k, const vec *x, double worst) {
  int n = a->net.buses;
  for (double length = 1; length >= SHORTEST; length /= 2) {
    for (int b = 0; b < n; b++) {
      double d = b == n - 1 ? 0 : length * x[k->angle[b]][0], m = b < n - 1 && k->free_v[b] ? 1 + length * x[k->angle[b] + 1][0] : 1;
      if (m < 0.3) m = 0.3;
      double c = m * cos(d), s = m * sin(d);
      a->try_e[b] = a->e[b] * c - a->f[b] * s; a->try_f[b] = a->e[b] * s + a->f[b] * c;
    }
    double deficit = a->deficit + length * x[k->size - 1][0];
    if (!(miss(a, h, k, a->try_e, a->try_f, deficit, 0, 0) < worst)) continue;
    memcpy(a->e, a->try_e, 8L * n); memcpy(a->f, a->try_f, 8L * n);
    a->deficit = deficit;
    return 1;
  }
  return 0;
}

/* Newton's method with the voltages held as they are now; 1 if it converges. Factors serve for as long as they do well. */
static int newton(Alone *a, const Hour *h, Factors *k, double tolerance, int most, vec *x) {
  number_unknowns(&a->net, &a->hour, k);
  lay_out(&a->net, k);
  double before = 1e9;
  for (int step = 0, slow = 0, fresh = 0; step < most && slow < PATIENCE; step++) {
    double worst = miss(a, h, k, a->e, a->f, a->deficit, x, 0);
    if (worst < tolerance) return 1;
    if (!(worst < 1e9)) return 0;
    slow = worst > SLOW * before ? slow + 1 : 0;
    if (step == 0 || worst > WELL * before) fresh = 0;
    before = worst;
    if (!fresh && !factorise(a, k)) return 0;
    solve(&a->net, k, x, 0);
    int went = step_along(a, h, k, x, worst);
    if (!went && !fresh) return 0; /* by the Jacobian of this very state */
    fresh = went;
  }
  return 0;
}

/* Buses beyond a limit give up their voltage, others take it up again; how many. */
static int switch_alone(Alone *a, const Hour *h, const Cases *c, const double *reactive) {
  int changed = 0;
  for (int b = 0; b < a->net.buses - 1; b++) {
    if (!h->held[b] || b == a->dead) continue;
    double set = sqrt(h->e[b] * h->e[b] + h->f[b] * h->f[b]), v = sqrt(a->e[b] * a->e[b] + a->f[b] * a->f[b]);
    if (a->held[b]) {
      int s = reactive[b] > h->q_high[b] + c->reactive_tolerance ? 1 : reactive[b] < h->q_low[b] - c->reactive_tolerance ? -1 : 0;
      if (!s) continue;
      a->held[b] = 0; a->q[b] = s > 0 ? h->q_high[b] : h->q_low[b]; changed++;
    } else if (a->q[b] >= h->q_high[b] ? v > set + c->return_tolerance : v < set - c->return_tolerance) {
      a->held[b] = 1; a->e[b] *= set / v; a->f[b] *= set / v; changed++;
    }
  }
  return changed;
}

/* Whether the second start has come to the state that led the first one nowhere; the first is remembered. */
static int known(Alone *a, int start) {
  int n = a->net.buses;
  double apart = 0;
  if (start) for (int b = 0; b < n; b++) apart += fabs(a->e[b] - a->met_e[b]) + fabs(a->f[b] - a->met_f[b]);
  int same = start && a->met && apart < n * ROUGH && !memcmp(a->held, a->met_held, n);
  memcpy(a->met_e, a->e, 8L * n); memcpy(a->met_f, a->f, 8L * n); memcpy(a->met_held, a->held, n);
  a->met = 1;
  return same;
}

/* Newton's method and buses that give up or take up their voltage, until none would; 1 if a state is found. */
static int settle(Alone *a, const Hour *h, const Cases *c, Factors *k, vec *x, double *reactive, int start) {
  int rough = 1;
  for (int round = 0; round < ROUNDS; round++) {
    if (!newton(a, h, k, rough ? ROUGH : c->tolerance, c->most, x)) return 0;
    miss(a, h, k, a->e, a->f, a->deficit, 0, reactive);
    int changed = switch_alone(a, h, c, reactive);
    if (!changed && !rough) return 1;
    if (round == 0 && known(a, start)) return 0;
    rough = changed;
  }
  return 0;
}

static Alone new_alone(const Net *net, const Hour *h, int dead, const int *branches, int count) {
  int n = net->buses;
  long entries = net->y_ptr[n];
  Alone a = {.net = *net, .hour = *h, .dead = dead, .y_re = copy(net->y_re, entries), .y_im = copy(net->y_im, entries),
             .e = copy(h->e, n), .f = copy(h->f, n), .q = copy(h->q, n), .try_e = room(8L * n), .try_f = room(8L * n),
             .rows = room(sizeof(pair) * 2 * n), .held = room(n), .bus_at = room(8L * n),
             .met_e = room(8L * n), .met_f = room(8L * n), .met_held = room(n), .met = 0};
  for (int m = 0; m < count; m++) take_out(net, a.y_re, a.y_im, branches[m]);
  a.net.y_re = a.y_re; a.net.y_im = a.y_im; a.hour.e = a.e; a.hour.f = a.f; a.hour.held = a.held;
  return a;
}

static void drop_alone(Alone *a) {
  free(a->y_re); free(a->y_im); free(a->e); free(a->f); free(a->q); free(a->try_e); free(a->try_f); free(a->rows);
  free(a->held); free(a->bus_at); free(a->met_e); free(a->met_f); free(a->met_held);
}

/* From the intact state, and if need be from a flat one; 1 if a state is found. */
static int search(Alone *a, const Hour *h, const Cases *c, Factors *k) {
  int n = a->net.buses, found = 0;
  double *reactive = room(8L * n);
  vec *x = room(sizeof(vec) * 2 * n);
  for (int start = 0; start < 2 && !found; start++) {
    memcpy(a->held, h->held, n); memcpy(a->q, h->q, 8L * n);
    a->deficit = 0;
    for (int b = 0; start && b < n; b++) {
      a->e[b] = h->held[b] || b == n - 1 ? sqrt(h->e[b] * h->e[b] + h->f[b] * h->f[b]) : 1;
      a->f[b] = 0;
    }
    if (start) { /* the slack bus keeps its angle */
      double m = sqrt(h->e[n - 1] * h->e[n - 1] + h->f[n - 1] * h->f[n - 1]), cs = h->e[n - 1] / m, sn = h->f[n - 1] / m;
      for (int b = 0; b < n; b++) { a->f[b] = a->e[b] * sn; a->e[b] *= cs; }
    }
    found = settle(a, h, c, k, x, reactive, start);
  }
  free(reactive); free(x);
  return found;
}

/* A case of the hour by itself, into the first lane of a tile. */
static int solve_alone(const Net *net, const Hour *h, const Cases *c, int i, Factors *k, Tile *t, int *iterations) {
  Alone a = new_alone(net, h, c->dead[i], c->branch + i, 1);
  int found = search(&a, h, c, k);
  t->branch[0] = c->branch[i]; t->dead[0] = c->dead[i]; t->done[0] = found;
  for (int lane = 1; lane < LANES; lane++) { t->branch[lane] = t->branch[0]; t->dead[lane] = t->dead[0]; }
  for (int b = 0; b < net->buses; b++) {
    t->e[b] = all(a.e[b]); t->f[b] = all(a.f[b]);
    t->state[b * LANES] = h->held[b] && !a.held[b];
  }
  iterations[0] = c->most;
  drop_alone(&a);
  return found;
}

/* The hour's banks in the admittances; to be freed. */
static double *with_banks(const Net *net, const Hour *h) {
  double *y_im = copy(net->y_im, net->y_ptr[net->buses]);
  for (int b = 0; b < net->buses; b++)
    for (int q = net->y_ptr[b]; q < net->y_ptr[b + 1]; q++) if (net->y_col[q] == b) y_im[q] += h->shunt[b];
  return y_im;
}

/* One state with any branches out, from an hour whose injections are those after the loss; 1 and c->e, c->f if found. */
int alone(const Net *bare, const Hour *h, const Cases *c, const int *branches, int count) {
  Net with = *bare;
  double *y_im = with_banks(bare, h);
  with.y_im = y_im;
  Factors own;
  new_factors(&with, &own);
  Alone a = new_alone(&with, h, -1, branches, count);
  int found = search(&a, h, c, &own);
  memcpy(c->e, a.e, 8L * bare->buses); memcpy(c->f, a.f, 8L * bare->buses);
  drop_alone(&a);
  drop_factors(&own);
  free(y_im);
  return found;
}

/* All cases of an hour; 0 if the intact hour's Jacobian is singular. */
int outages(const Net *bare, const Hour *h, const Cases *c) {
  int n = bare->buses;
  Net with = *bare;
  double *y_im = with_banks(bare, h);
  with.y_im = y_im;
  const Net *net = &with;
  Factors k;
  new_factors(net, &k);
  number_unknowns(net, h, &k);
  lay_out(net, &k);
  fill_in(net, h, &k);
  int N = k.size, m = k.candidates, *bus_at = room(4L * N);
  pair *rows = room(sizeof(pair) * N);
  int ok = eliminate(net, &k, bus_at, rows);
  free(bus_at); free(rows);
  if (!ok) { drop_factors(&k); free(y_im); return 0; }
  Tile *t = room(sizeof(Tile));
  t->e = room(sizeof(vec) * n); t->f = room(sizeof(vec) * n); t->rp = room(sizeof(vec) * n); t->qc = room(sizeof(vec) * n);
  t->x = room(sizeof(vec) * N); t->z = room(sizeof(vec) * 3 * N);
  t->raw = room(sizeof(vec) * (N + m)); t->went = room(sizeof(vec) * (N + m));
  t->state = room((size_t)n * LANES); t->returns = room((size_t)n * LANES);
  k.spread = room(8L * m * N + 8); k.mutual = room(8L * m * m + 8);
  spread_voltages(net, h, &k, t->x);
  for (int first = 0; first < c->count; first += LANES) {
    int iterations[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int i = first + lane < c->count ? first + lane : c->count - 1;
      t->branch[lane] = c->branch[i]; t->dead[lane] = c->dead[i];
    }
    solve_tile(net, h, &k, c, t, iterations);
    results(net, c, t, first, iterations);
    if (c->e) keep_voltages(net, &k, c, t, first);
  }
  Factors own;
  new_factors(net, &own);
  for (int i = 0; i < c->count; i++) {
    if (c->converged[i]) continue;
    int iterations[LANES];
    Cases one = *c;
    one.count = i + 1;
    solve_alone(net, h, c, i, &own, t, iterations);
    results(net, &one, t, i, iterations);
    if (c->e) keep_voltages(net, &k, &one, t, i);
  }
  drop_factors(&own);
  free(t->e); free(t->f); free(t->rp); free(t->qc); free(t->x); free(t->z); free(t->raw); free(t->went);
  free(t->state); free(t->returns); free(t);
  free(y_im);
  drop_factors(&k);
  return 1;
}
