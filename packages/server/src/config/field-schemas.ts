import {
  compileRegex,
  DURATION_HINT,
  errorText,
  OperatingError,
  parseDuration,
  quote,
  Secret,
} from "@pharos/base";
import { z } from "zod";
import { secret } from "./read-yaml.ts";

/** A Prometheus duration in a file, ms in the program. */
export const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: "custom", message: `${quote(text)} is not ${DURATION_HINT}` });
  return z.NEVER;
});

/** A duration of more than 0. */
export const positiveDuration = duration.refine((ms) => ms > 0, "must be more than 0");

const SIZE_UNITS = ["", "K", "M", "G", "T", "P", "E"];

/** A size such as `10MB` or `512KiB` (both count in 1024s, as in Prometheus), bytes in the program. */
export const byteSize = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)(?:([KMGTPE]?)i?B)$/.exec(text);
  if (match === null && text !== "0") {
    const message = `${quote(text)} is not a size such as "512KB", "10MB", "1GiB"`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }
  const [, count = "0", unit = ""] = match ?? [];
  return Math.floor(Number(count) * 1024 ** SIZE_UNITS.indexOf(unit));
});

/** How many at most; 0 for no limit. */
export const limit = z.number().int().min(0);

/** An RE2 pattern, checked; it stays text. */
export const regexText = z.string().superRefine((text, context) => {
  try {
    compileRegex(text);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    context.addIssue({ code: "custom", message: errorText(error) });
  }
});

export const labelName = z
  .string()
  .refine(
    (name) => name !== "" && name.isWellFormed(),
    "a label name is not empty and valid UTF-8",
  );

/** A name that relabelling, rules and targets may give a label. */
export const labelMap = z.record(labelName, z.string());

export function secretText(): z.ZodType<Secret, string> {
  return secret(z.string().transform((text) => new Secret(text)));
}
