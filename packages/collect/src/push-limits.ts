import { type Labels, labelValue, METRIC_NAME, quote } from "@pharos/base";
import type { LabelLimits } from "@pharos/kernels";

/** What pushed series may look like: the metric name counts as a label. */
export type PushLimits = LabelLimits;

/** Far above what instrumented programs send, and low enough that one bad client cannot fill the index. */
export const PUSH_LIMITS: PushLimits = {
  labelsPerSeriesMax: 40,
  labelNameSizeMax: 256,
  labelValueSizeMax: 4096,
};

/** What is wrong with the labels of a pushed series, or undefined. */
export function labelsProblem(labels: Labels, limits: PushLimits): string | undefined {
  const name = labelValue(labels, METRIC_NAME);
  if (name === "") return "the metric name (label __name__) is missing";
  if (labels.length > limits.labelsPerSeriesMax)
    return `${labels.length} labels; at most ${limits.labelsPerSeriesMax} are allowed`;
  for (const [label, value] of labels) {
    const nameProblem = labelNameProblem(label, limits);
    if (nameProblem !== undefined) return nameProblem;
    const valueProblem = labelValueProblem(value, limits);
    if (valueProblem !== undefined) return `label ${quote(label)}: ${valueProblem}`;
  }
  return undefined;
}

export function labelNameProblem(name: string, limits: PushLimits): string | undefined {
  if (name === "") return "a label name is empty";
  if (!name.isWellFormed()) return "a label name is not UTF-8";
  const size = utf8Size(name);
  if (size > limits.labelNameSizeMax)
    return `a label name of ${size} bytes; at most ${limits.labelNameSizeMax} are allowed`;
  return undefined;
}

export function labelValueProblem(value: string, limits: PushLimits): string | undefined {
  if (!value.isWellFormed()) return "its value is not UTF-8";
  const size = utf8Size(value);
  if (size > limits.labelValueSizeMax)
    return `a value of ${size} bytes; at most ${limits.labelValueSizeMax} are allowed`;
  return undefined;
}

/** How many bytes the text takes in UTF-8. */
export function utf8Size(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Two bytes below U+0800, three above; a surrogate pair is two units and four bytes.
    size += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return size;
}
