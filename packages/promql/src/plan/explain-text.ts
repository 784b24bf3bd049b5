import { formatDuration } from "@pharos/base";
import type { PlanNode, PlannedRead, PlannedSelection, QueryPlan } from "./explain.ts";
import { timeText } from "./tier-words.ts";

/** The times of a query; a step of 0 is an instant query. */
interface Times {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** A plan for people: a tree with what goes in below what it goes into. */
export function planText({ root, estimate }: QueryPlan, times: Times): string {
  const lines = [headline(times)];
  if (estimate !== undefined)
    lines.push(
      `in all about ${counted(estimate.series, "series")}, ${counted(estimate.samples, "sample")}, ` +
        counted(estimate.size, "byte"),
    );
  lines.push("");
  addNode(lines, root, "", "", "");
  return `${lines.join("\n")}\n`;
}

function headline({ startMs, endMs, stepMs }: Times): string {
  if (stepMs === 0) return `instant query at ${timeText(startMs)}`;
  const steps = Math.floor((endMs - startMs) / stepMs) + 1;
  const range = `${timeText(startMs)} to ${timeText(endMs)}`;
  return `range query from ${range}, each ${formatDuration(stepMs)}: ${counted(steps, "step")}`;
}

/** Adds a node's lines; the first begins with `branch`, the others with `indent`. */
function addNode(
  lines: string[],
  node: PlanNode,
  indent: string,
  branch: string,
  below: string,
): void {
  lines.push(`${indent}${branch}${node.operation}${notesOf(node)}`);
  const inner = indent + below;
  if (node.selection !== undefined) {
    const bar = node.inputs.length > 0 ? "│ " : "  ";
    for (const line of selectionLines(node.selection)) lines.push(`${inner}${bar}${line}`);
  }
  for (const [at, input] of node.inputs.entries()) {
    const isLast = at === node.inputs.length - 1;
    addNode(lines, input, inner, isLast ? "└─ " : "├─ ", isLast ? "   " : "│  ");
  }
}

function notesOf({ evaluated, pushedDown, steps, actual }: PlanNode): string {
  const notes: string[] = [];
  if (pushedDown) notes.push("computed by the store");
  if (evaluated === "once") notes.push("evaluated once, since it is the same at each step");
  if (evaluated === "elsewhere") notes.push("evaluated once, with the same part further on");
  if (steps > 1 && evaluated === "each step") notes.push(counted(steps, "step"));
  if (actual !== undefined)
    notes.push(`took ${actual.elapsedMs.toFixed(1)} ms, gave ${counted(actual.series, "series")}`);
  return notes.length === 0 ? "" : `  (${notes.join("; ")})`;
}

function selectionLines(selection: PlannedSelection): readonly string[] {
  const { selector, inferredMatchers, range, reads, sharedWith, estimate, actual } = selection;
  const lines = [selector];
  if (inferredMatchers.length > 0)
    lines.push(`only ${inferredMatchers.join(", ")}, since no other series has a partner`);
  lines.push(`time: ${timeText(range.minMs)} to ${timeText(range.maxMs)}`);
  for (const read of reads) lines.push(readLine(read, reads.length > 1));
  if (sharedWith > 0)
    lines.push(`read in one pass with ${counted(sharedWith, "other part")} of the query`);
  if (estimate !== undefined)
    lines.push(
      `estimated: ${counted(estimate.series, "series")}, ${counted(estimate.samples, "sample")}, ` +
        counted(estimate.size, "byte"),
    );
  if (actual !== undefined)
    lines.push(`read: ${counted(actual.series, "series")}, ${counted(actual.samples, "sample")}`);
  return lines;
}

const REASONS = {
  chosen: " (they say what the samples would)",
  gone: " (the samples are no longer kept)",
  asked: " (as asked for)",
} as const;

function readLine(read: PlannedRead, isOneOfSeveral: boolean): string {
  const source = read.from === "raw" ? "from: samples" : `from: ${read.from} rollups`;
  const reason = read.reason === undefined ? "" : REASONS[read.reason];
  if (!isOneOfSeveral) return source + reason;
  const times = `${timeText(read.firstStepMs)} to ${timeText(read.lastStepMs)}`;
  return `${source}${reason} for ${counted(read.steps, "step")}, ${times}`;
}

function counted(count: number, what: string): string {
  const plural = count === 1 || what.endsWith("s") ? what : `${what}s`;
  return `${Math.round(count).toLocaleString("en-US")} ${plural}`;
}
