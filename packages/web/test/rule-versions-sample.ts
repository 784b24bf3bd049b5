const VERSIONED = {
  name: "HighLoad",
  type: "alerting",
  expr: "node_load1 > 10",
  for: "5m",
  keep_firing_for: "0s",
  labels: { severity: "warning" },
  annotations: {},
};

/** What a rule was, the newest first: switched off, then on again with another threshold. */
export const RULE_VERSIONS = [
  {
    version: 3,
    action: "updated",
    at: "2026-11-20T10:00:00.000Z",
    author: "Ben",
    comment: "calmer",
    enabled: true,
    rules: [VERSIONED],
  },
  {
    version: 2,
    action: "disabled",
    at: "2026-11-19T10:00:00.000Z",
    author: "Ann",
    comment: "",
    enabled: false,
    rules: [{ ...VERSIONED, expr: "node_load1 > 5" }],
  },
  {
    version: 1,
    action: "created",
    at: "2026-11-18T10:00:00.000Z",
    author: "Ann",
    comment: "first",
    enabled: true,
    rules: [{ ...VERSIONED, expr: "node_load1 > 5" }],
  },
];
