import { OperatingError, quote } from "@pharos/base";
import { createRelabelRule, RELABEL_ACTIONS } from "@pharos/collect";
import { z } from "zod";
import { labelName, regexText } from "./field-schemas.ts";
import { nearestName } from "./nearest-name.ts";

/** In any case of letters, as Prometheus has it. */
const relabelAction = z.string().superRefine((text, context) => {
  if ((RELABEL_ACTIONS as readonly string[]).includes(text.toLowerCase())) return;
  const nearest = nearestName(text, RELABEL_ACTIONS);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const message = `${quote(text)} is not one of ${RELABEL_ACTIONS.join(", ")}${hint}`;
  context.addIssue({ code: "custom", message });
});

/** One relabelling rule, checked and compiled. */
export const relabelRule = z
  .strictObject({
    source_labels: z.array(labelName).optional(),
    separator: z.string().optional(),
    target_label: z.string().optional(),
    regex: regexText.optional(),
    modulus: z.number().int().min(0).optional(),
    replacement: z.string().optional(),
    action: relabelAction.optional(),
  })
  .transform((keys, context) => {
    try {
      return createRelabelRule({
        ...(keys.source_labels === undefined ? {} : { sourceLabels: keys.source_labels }),
        ...(keys.separator === undefined ? {} : { separator: keys.separator }),
        ...(keys.target_label === undefined ? {} : { targetLabel: keys.target_label }),
        ...(keys.regex === undefined ? {} : { regex: keys.regex }),
        ...(keys.modulus === undefined ? {} : { modulus: keys.modulus }),
        ...(keys.replacement === undefined ? {} : { replacement: keys.replacement }),
        ...(keys.action === undefined ? {} : { action: keys.action }),
      });
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
