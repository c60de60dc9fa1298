/* What this core does at most: fused multiply-adds from registers, and reading of arrays of some size. */
#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX__)
#define LANES 4
#else
#define LANES 2
#endif
typedef double vec __attribute__((vector_size(8 * LANES)));

/* Floating-point operations done; twelve sums hide the latency of each other. */
double multiply_adds(long rounds, double *out) {
  vec s[12], x, y;
  for (int i = 0; i < LANES; i++) { x[i] = 0.999999; y[i] = 1e-9; }
  for (int k = 0; k < 12; k++) s[k] = x * k;
  for (long r = 0; r < rounds; r++) {
    for (int k = 0; k < 12; k++) s[k] = s[k] * x + y;
    __asm__ volatile("" : "+x"(s[0]));
  }
  for (int k = 0; k < 12; k++) out[k] = s[k][0];
  return 24.0 * LANES * rounds;
}

/* Bytes read; eight sums, one line of the cache each. */
double reads(const double *a, long count, long rounds, double *out) {
  vec s[8] = {0};
  long step = 8 * LANES, n = count / step * step;
  for (long r = 0; r < rounds; r++) {
    for (long i = 0; i < n; i += step)
      for (int k = 0; k < 8; k++) s[k] += *(const vec *)(a + i + k * LANES);
    __asm__ volatile("" : : : "memory");
  }
  for (int k = 0; k < 8; k++) out[k] = s[k][0];
  return 8.0 * n * rounds;
}
