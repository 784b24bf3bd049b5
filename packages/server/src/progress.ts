/** How often the line of a terminal is drawn again. */
const DRAW_MS = 100;
/** How often a line is written where there is no terminal. */
const LINE_MS = 10_000;
const BAR_WIDTH = 24;

/** How far some long work is. */
export interface Stage {
  /** What is being done. */
  readonly title: string;
  /** From 0 to 1; undefined where nobody knows. */
  readonly part: number | undefined;
  /** What else there is to tell, such as counts; a function where it costs something, as it is shown now and then only. */
  readonly detail: string | (() => string);
}

/** Where progress is shown: the process's standard error, mostly. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Shows how far long work is: on a terminal as a bar that moves, elsewhere as a line when a stage begins and now and
 * then after that.
 */
export class Progress {
  readonly #output: ProgressOutput;
  readonly #monotonicMs: () => number;
  #title = "";
  #nextMs = 0;
  #isDrawn = false;

  constructor(output: ProgressOutput, monotonicMs: () => number) {
    this.#output = output;
    this.#monotonicMs = monotonicMs;
  }

  show(stage: Stage): void {
    const nowMs = this.#monotonicMs();
    const isNew = stage.title !== this.#title;
    if (nowMs < this.#nextMs && !isNew) return;
    this.#title = stage.title;
    const isTerminal = this.#output.isTTY === true;
    this.#nextMs = nowMs + (isTerminal ? DRAW_MS : LINE_MS);
    if (!isTerminal) {
      this.#output.write(`${plainText(stage)}\n`);
      return;
    }
    this.#output.write(`\r\x1b[K${barText(stage).slice(0, (this.#output.columns ?? 80) - 1)}`);
    this.#isDrawn = true;
  }

  /** Takes the bar away, for other text to be written. */
  clear(): void {
    if (this.#isDrawn) this.#output.write("\r\x1b[K");
    this.#isDrawn = false;
    this.#title = "";
  }
}

function percent(part: number): string {
  return `${Math.floor(Math.min(1, part) * 100)} %`;
}

function plainText({ title, part, detail }: Stage): string {
  return [title, ...(part === undefined ? [] : [percent(part)]), textOf(detail)]
    .filter((text) => text !== "")
    .join(", ");
}

function barText({ title, part, detail }: Stage): string {
  if (part === undefined) return `${title}  ${textOf(detail)}`.trimEnd();
  const filled = Math.round(Math.min(1, part) * BAR_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
  return `${bar} ${percent(part).padStart(5)}  ${title}  ${textOf(detail)}`;
}

function textOf(detail: Stage["detail"]): string {
  return typeof detail === "string" ? detail : detail();
}
