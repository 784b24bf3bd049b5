import { z } from "zod";
import {
  ALERT_RULES_PATH,
  alertRuleSchema,
  rollbackBodySchema,
  ruleBodySchema,
  ruleEditBodySchema,
  ruleTestSchema,
  ruleVersionSchema,
} from "../alert-rules.ts";
import { alertSchema } from "../prometheus.ts";
import { type Endpoint, GET, json, limit, type Parameter, v1 } from "./endpoint.ts";

const id: Parameter = {
  name: "id",
  description: "The id of the rule, or its name.",
  required: true,
  in: "path",
};
const edit: readonly Parameter[] = [
  { name: "author", description: "Who changes it, where no proxy names the user." },
  { name: "comment", description: "Why." },
];
const version: Parameter = {
  name: "version",
  description: "The version that is changed; as If-Match.",
};
const name: Parameter = { name: "name", description: "The name of a rule that says none." };
const RULE_BODY = { contentType: "application/json", schema: ruleBodySchema };
const EDIT_BODY = { contentType: "application/json", schema: ruleEditBodySchema };
const oneOrMore = z.union([alertRuleSchema, z.array(alertRuleSchema)]);
const path = (below: string): string => `${ALERT_RULES_PATH.slice("/api/v1/".length)}${below}`;

const namespace: Parameter = {
  name: "namespace",
  description: "The namespace of the group.",
  required: true,
  in: "path",
};
const group: Parameter = {
  name: "group",
  description: "The name of the group.",
  required: true,
  in: "path",
};
const YAML: Endpoint["answer"] = { kind: "other", contentType: "application/yaml" };
const accepted = json(z.object({ status: z.literal("success") }), 202);

/** Rules that are made, changed and tested by requests. */
export const ALERT_RULE_ENDPOINTS: readonly Endpoint[] = [
  v1(path(""), GET, "All rules with their state, as a list.", json(z.array(alertRuleSchema)), [
    { name: "source", description: "Only those of files, or of the API.", values: ["api", "file"] },
    { name: "name", description: "Only rules of this name." },
    limit,
  ]),
  {
    ...v1(path(""), ["post"], "Makes a rule, in any of its forms.", json(oneOrMore, 201), [
      name,
      { name: "namespace", description: "What its group is filed under; rules unless given." },
      {
        name: "replace",
        description: "Whether it takes the place of the one of its name.",
        values: ["true", "false"],
      },
      ...edit,
    ]),
    body: RULE_BODY,
  },
  v1(path("/{id}"), GET, "A rule with its state.", json(oneOrMore), [id]),
  {
    ...v1(path("/{id}"), ["put"], "Puts another rule in its place.", json(oneOrMore), [
      id,
      version,
      ...edit,
    ]),
    body: RULE_BODY,
  },
  v1(path("/{id}"), ["delete"], "Deletes a rule; its versions stay.", { kind: "none" }, [
    id,
    version,
    ...edit,
  ]),
  v1(
    path("/{id}/versions"),
    GET,
    "All versions of a rule, the newest first; of a deleted one as well.",
    json(z.array(ruleVersionSchema)),
    [id],
  ),
  {
    ...v1(path("/{id}/rollback"), ["post"], "Makes a rule what it was.", json(oneOrMore), [id]),
    body: { contentType: "application/json", schema: rollbackBodySchema },
  },
  {
    ...v1(path("/{id}/enable"), ["post"], "Has a rule evaluated.", json(oneOrMore), [id, ...edit]),
    body: EDIT_BODY,
  },
  {
    ...v1(path("/{id}/disable"), ["post"], "Ends that; its alerts resolve.", json(oneOrMore), [
      id,
      ...edit,
    ]),
    body: EDIT_BODY,
  },
  v1("alerts/active", GET, "Alerts that fire, as a list.", json(z.array(alertSchema))),
  {
    ...v1(
      "alerts/test",
      ["post"],
      "Whether a rule would fire now, and when it would have fired. Nothing is kept.",
      json(ruleTestSchema),
      [
        name,
        { name: "replay", description: "Over how long it is replayed: 7d." },
        { name: "time", description: "Unix seconds or RFC 3339; now unless given." },
      ],
    ),
    body: RULE_BODY,
  },
  v1("rules/{namespace}", GET, "The groups of a namespace, as Cortex has it.", YAML, [namespace]),
  {
    ...v1("rules/{namespace}", ["post"], "Makes or replaces a group.", accepted, [namespace]),
    body: { contentType: "application/yaml" },
  },
  v1("rules/{namespace}", ["delete"], "Deletes a namespace.", accepted, [namespace]),
  v1("rules/{namespace}/{group}", GET, "One group.", YAML, [namespace, group]),
  v1("rules/{namespace}/{group}", ["delete"], "Deletes a group.", accepted, [namespace, group]),
];
