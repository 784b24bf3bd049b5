import type { Labels } from "@pharos/base";
import { GroupColumns, type Kernels } from "@pharos/kernels";
import type { AggregationOp } from "../syntax/ast.ts";
import { dropStepsOf, type Group } from "./aggregate-kernels.ts";
import type { StepSeries } from "./step-series.ts";

/** Bytes that the groups of one aggregation take in the kernels' memory; those beyond are added up in TypeScript. */
const GROUPS_SIZE_MAX = 8 * 1024 * 1024;

const NOTHING = new Float64Array(0);

type KernelOp = "sum" | "avg" | "min" | "max" | "count";

const KERNEL_OPS: ReadonlySet<AggregationOp> = new Set<KernelOp>([
  "sum",
  "avg",
  "min",
  "max",
  "count",
]);

function isKernelOp(op: AggregationOp): op is KernelOp {
  return KERNEL_OPS.has(op);
}

/**
 * Groups of an aggregation that are added up in WebAssembly: faster than by the `Kernel`s of TypeScript, and the same to
 * the last bit. Their columns are views on the kernels' memory, so that a `Kernel` can add to them as well what is not
 * for WebAssembly, and make the result.
 */
export class KernelGroups implements Disposable {
  readonly #op: KernelOp;
  readonly #count: number;
  readonly #columns: GroupColumns;
  /** The number of each group's columns; undefined for one that is no longer for WebAssembly. */
  readonly #numbers = new Map<Group, number | undefined>();

  /** Undefined for an aggregation that there is only in TypeScript. */
  static open(kernels: Kernels, op: AggregationOp, count: number): KernelGroups | undefined {
    return isKernelOp(op) ? new KernelGroups(kernels, op, count) : undefined;
  }

  private constructor(kernels: Kernels, op: KernelOp, count: number) {
    this.#op = op;
    this.#count = count;
    this.#columns = new GroupColumns(kernels, count, GROUPS_SIZE_MAX);
  }

  /** A group without samples; undefined where there is no room for one more. @throws OperatingError `memory.full`. */
  openGroup(labels: Labels): Group | undefined {
    const number = this.#columns.open();
    if (number === undefined) return undefined;
    const { values, lost, counts, present } = this.#columns.columnOf(number);
    const isMean = this.#op === "avg";
    const group: Group = {
      out: { labels, dropName: false, values, present },
      lost: isMean || this.#op === "sum" ? lost : NOTHING,
      counts: isMean ? counts : NOTHING,
      means: isMean ? new Float64Array(this.#count) : NOTHING,
      meansLost: NOTHING,
      overflowed: new Uint8Array(isMean ? this.#count : 0),
      dropSteps: dropStepsOf(labels, this.#count),
      histograms: null,
    };
    this.#numbers.set(group, number);
    return group;
  }

  /** Adds a series to its group. False where it is to be added in TypeScript, and nothing is done. */
  add(group: Group, { values, present, histograms }: StepSeries): boolean {
    const number = this.#numbers.get(group);
    if (number === undefined || histograms !== undefined) return false;
    switch (this.#op) {
      case "sum":
        this.#columns.addToSum(number, values, present);
        break;
      case "avg":
        if (this.#columns.addToAverage(number, values, present)) break;
        // From here on its mean is computed in another way.
        this.#numbers.set(group, undefined);
        return false;
      case "min":
      case "max":
        this.#columns.addToExtreme(number, values, present, this.#op);
        break;
      case "count":
        this.#columns.addToCount(number, present);
        break;
    }
    return true;
  }

  /** The group with its columns in memory of their own, where they are not yet. */
  take(group: Group): Group {
    if (!this.#numbers.has(group)) return group;
    const { out } = group;
    return {
      ...group,
      out: { ...out, values: out.values.slice(), present: out.present.slice() },
    };
  }

  [Symbol.dispose](): void {
    this.#columns[Symbol.dispose]();
  }
}
