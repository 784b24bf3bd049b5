import { type Label, OperatingError, quote } from "@pharos/base";
import type { RuleForm } from "./rule-form.ts";
import { readRuleSentence } from "./rule-sentence.ts";
import { parseSpokenDuration, SPOKEN_DURATION_HINT } from "./spoken-duration.ts";

const KEYS = ["alert", "condition", "for", "severity", "notification", "summary", "description"];
const LINE = /^(\s*)([A-Za-z]+)[ \t]*:[ \t]*(.*?)\s*$/;

/**
 * Reads a rule as lines of `Key: text`: `Alert`, `Condition` (a sentence), `For`, `Severity`, `Notification` (as often as
 * there are channels, or separated by commas), `Summary`, `Description`.
 *
 * @throws OperatingError `input.invalid` with line and column.
 */
export function readRuleText(text: string): RuleForm {
  const found = new Map<string, { readonly line: number; readonly text: string }>();
  const channels: string[] = [];
  for (const [index, written] of text.split("\n").entries()) {
    if (written.trim() === "") continue;
    const [, , name = "", value = ""] = LINE.exec(written) ?? [];
    const key = name.toLowerCase().replace(/s$/, "");
    const fail = (reason: string): OperatingError => textError(index + 1, written, reason);
    if (!KEYS.includes(key))
      throw fail(
        `${quote(written.trim().slice(0, 40))} is no line of a rule; lines begin with ${KEY_LIST}`,
      );
    if (value === "") throw fail(`nothing stands after ${name}:`);
    if (key === "notification") channels.push(...value.split(/\s*,\s*/).map(channelOf));
    else if (found.has(key)) throw fail(`${name}: is there twice`);
    else found.set(key, { line: index + 1, text: value });
  }
  const condition = found.get("condition");
  if (condition === undefined) throw new OperatingError("input.invalid", "a Condition: is missing");
  const sentence = inLine(condition.line, () => readRuleSentence(condition.text));
  const hold = found.get("for");
  const forMs = hold === undefined ? sentence.forMs : parseSpokenDuration(hold.text);
  if (forMs === undefined)
    throw new OperatingError(
      "input.invalid",
      `${hold?.line}:1: ${quote(hold?.text ?? "")} is no duration; write ${SPOKEN_DURATION_HINT}`,
    );
  const annotations = ["summary", "description"].flatMap((name): Label[] => {
    const line = found.get(name);
    return line === undefined ? [] : [[name, line.text]];
  });
  return {
    name: found.get("alert")?.text ?? sentence.name,
    condition: sentence.condition,
    text: sentence.text,
    forMs,
    keepFiringForMs: 0,
    labels: [],
    annotations,
    severity: found.get("severity")?.text,
    channels,
  };
}

const KEY_LIST = KEYS.map((key) => `${key.charAt(0).toUpperCase()}${key.slice(1)}:`).join(", ");

/** Whether a text is meant to be lines of a rule, and no YAML. */
export function isRuleText(text: string): boolean {
  return /^\s*Alert[ \t]*:/.test(text) && /^[ \t]*Condition[ \t]*:/m.test(text);
}

/** `slack-channel=#alerts` is the channel `slack:#alerts`. */
export function channelOf(text: string): string {
  return text.trim().replace(/^([\w-]+?)(?:-channel)?=/, "$1:");
}

/** The line of a sentence that stands in a line of a larger text. */
function inLine<T>(line: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    throw new OperatingError(error.code, error.message.replace(/^1:/, `${line}:Condition:`), {
      cause: error,
    });
  }
}

function textError(line: number, written: string, reason: string): OperatingError {
  const column = written.length - written.trimStart().length + 1;
  return new OperatingError("input.invalid", `${line}:${column}: ${reason}`);
}
