import { type Logger, pino } from "pino";
import type { LogLevel } from "./options.ts";

export type { Logger } from "pino";

/**
 * Lines to `output`, by default standard error: JSON for machines, or time, level, message and fields for people.
 */
export function createLogger(
  level: LogLevel,
  format: "text" | "json",
  output: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const destination = {
    write: (line: string) => output(format === "json" ? line : textLine(line)),
  };
  return pino({ level, base: null, messageKey: "message", errorKey: "error" }, destination);
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info ",
  40: "WARN ",
  50: "ERROR",
  60: "FATAL",
};

function textLine(line: string): string {
  const { level, time, message, ...fields } = JSON.parse(line) as {
    level: number;
    time: number;
    message?: string;
  };
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  return `${new Date(time).toISOString()} ${LEVEL_NAMES[level] ?? level} ${message ?? ""}${rest.join("")}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === "string") return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === "object" && value !== null && "message" in value)
    return JSON.stringify(value.message);
  return JSON.stringify(value);
}
