/** Adds up with what rounding loses kept beside (Neumaier's variant of Kahan's method), as Prometheus does. */
export class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const sum = this.#sum + value;
    this.#lost = lostInSum(this.#sum, value, sum, this.#lost);
    this.#sum = sum;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** What was lost so far, with what is lost when `sum` and `value` are added and the result is `total`. */
export function lostInSum(sum: number, value: number, total: number, lost: number): number {
  if (Math.abs(total) === Number.POSITIVE_INFINITY) return 0;
  return Math.abs(sum) >= Math.abs(value)
    ? lost + (sum - total + value)
    : lost + (value - total + sum);
}
