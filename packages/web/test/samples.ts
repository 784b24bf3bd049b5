// Answers as the server gives them, below `data`.

const evaluated = {
  health: "ok",
  lastEvaluation: "2026-11-21T11:59:55Z",
  evaluationTime: 0.002,
};

function firing(instance: string): object {
  return {
    labels: { alertname: "TargetDown", instance, severity: "critical" },
    annotations: {
      runbook_url: "https://runbooks.example.org/down",
      script: "javascript:alert(1)",
      summary: `${instance} is down`,
    },
    state: "firing",
    activeAt: "2026-11-21T11:30:00Z",
    value: "0e+00",
  };
}

export const RULES = {
  groups: [
    {
      name: "other",
      file: "/etc/other.yml",
      interval: 15,
      limit: 0,
      lastEvaluation: "2026-11-21T11:59:55Z",
      evaluationTime: 0.001,
      rules: [
        {
          ...evaluated,
          type: "alerting",
          name: "Quiet",
          query: "vector(0) > 1",
          state: "inactive",
          duration: 60,
          keepFiringFor: 0,
          labels: {},
          annotations: {},
          alerts: [],
        },
        {
          ...evaluated,
          type: "alerting",
          name: "Broken",
          query: "up * up",
          state: "inactive",
          duration: 0,
          keepFiringFor: 0,
          labels: { severity: "warning" },
          annotations: {},
          alerts: [],
          health: "err",
          lastError: "many-to-many matching not allowed",
        },
      ],
    },
    {
      name: "hosts",
      file: "/etc/hosts.yml",
      interval: 15,
      limit: 0,
      lastEvaluation: "2026-11-21T11:59:55Z",
      evaluationTime: 0.004,
      rules: [
        {
          ...evaluated,
          type: "recording",
          name: "instance:cpu:rate1m",
          query: "rate(x[1m])",
          labels: {},
        },
        {
          ...evaluated,
          type: "alerting",
          name: "HighCpu",
          query: "instance:cpu:rate1m > 0.9",
          state: "pending",
          duration: 300,
          keepFiringFor: 0,
          labels: { severity: "warning" },
          annotations: { summary: "<b>hot</b>" },
          alerts: [
            {
              labels: { alertname: "HighCpu", instance: "web-1" },
              annotations: { summary: "<b>hot</b>" },
              state: "pending",
              activeAt: "2026-11-21T11:59:00Z",
              value: "9.5e-01",
            },
          ],
        },
        {
          ...evaluated,
          type: "alerting",
          name: "TargetDown",
          query: "up == 0",
          state: "firing",
          duration: 10,
          keepFiringFor: 0,
          labels: { severity: "critical" },
          annotations: {
            summary: "{{ $labels.instance }} is down",
            runbook_url: "https://runbooks.example.org/down",
            script: "javascript:alert(1)",
          },
          alerts: [firing("db-1"), firing("db-2")],
        },
      ],
    },
  ],
};

function target(pool: string, address: string, extra: object): object {
  return {
    scrapePool: pool,
    scrapeUrl: `http://${address}/metrics`,
    globalUrl: `http://${address}/metrics`,
    labels: { instance: address, job: pool },
    discoveredLabels: { __address__: address, __meta_zone: "a" },
    health: "up",
    lastError: "",
    lastScrape: "2026-11-21T11:59:58Z",
    lastScrapeDuration: 0.004,
    scrapeInterval: "15s",
    scrapeTimeout: "10s",
    ...extra,
  };
}

export const TARGETS = {
  activeTargets: [
    target("db", "10.0.0.3:9187", {}),
    target("web", "10.0.0.1:80", {}),
    target("web", "10.0.0.2:80", {
      health: "down",
      lastError:
        'Get "http://10.0.0.2:80/metrics": dial tcp 10.0.0.2:80: connect: connection refused',
    }),
  ],
  droppedTargets: [{ discoveredLabels: { __address__: "10.0.0.9:80" }, scrapePool: "web" }],
  droppedTargetCounts: { db: 0, web: 1 },
};

/** An incident as lists have it. */
export function incident(id: string, extra: object = {}): object {
  return {
    id,
    status: "firing",
    severity: "critical",
    priority: "P1",
    receiver: "pagers",
    groupKey: '{}:{alertname="DiskFull", team="storage"}',
    labels: { alertname: "DiskFull", team: "storage" },
    rules: ["DiskFull"],
    summary: "<b>db-1</b> is 93% full",
    startedAt: "2026-11-21T11:30:00.000Z",
    openedAt: "2026-11-21T11:30:02.000Z",
    updatedAt: "2026-11-21T11:59:00.000Z",
    resolvedAt: null,
    acknowledgement: null,
    flapping: false,
    suppressed: false,
    escalation: { policy: "critical", step: 1, nextAt: "2026-11-21T12:10:00.000Z" },
    notifications: { delivered: 2, failed: 1 },
    firing: 1,
    firingMax: 2,
    ...extra,
  };
}

const DISK_LABELS = { alertname: "DiskFull", severity: "critical", team: "storage" };

function attempt(at: string, number: number, outcome: string, error: string): object {
  return {
    at,
    integration: "pagers/webhook[0]",
    receiver: "pagers",
    reason: "firing",
    outcome,
    attempt: number,
    error,
    key: "k1",
  };
}

export const INCIDENT_DETAIL = {
  ...incident("aa11"),
  alerts: [
    {
      fingerprint: "f1",
      labels: { ...DISK_LABELS, instance: "db-1" },
      summary: "<b>db-1</b> is 93% full",
      state: "firing",
      startsAt: "2026-11-21T11:30:00.000Z",
      endsAt: null,
      suppressedBy: ["silence:1234567890"],
      generatorURL: "http://localhost/graph?g0.expr=disk",
    },
    {
      fingerprint: "f2",
      labels: { ...DISK_LABELS, instance: "db-2" },
      summary: "db-2 is 91% full",
      state: "resolved",
      startsAt: "2026-11-21T11:30:00.000Z",
      endsAt: "2026-11-21T11:40:00.000Z",
      suppressedBy: [],
      generatorURL: "",
    },
  ],
  timeline: [
    {
      sequence: 5,
      at: "2026-11-21T11:55:00.000Z",
      kind: "acknowledged",
      status: "acknowledged",
      detail: { by: "Ann", comment: "", until: "2026-11-21T14:00:00.000Z", covers: [] },
    },
    {
      sequence: 4,
      at: "2026-11-21T11:50:00.000Z",
      kind: "commented",
      status: "firing",
      detail: { by: "Ben", comment: "Looking at it." },
    },
    {
      sequence: 3,
      at: "2026-11-21T11:40:00.000Z",
      kind: "from_the_future",
      status: "firing",
      detail: {},
    },
    {
      sequence: 2,
      at: "2026-11-21T11:30:40.000Z",
      kind: "notified",
      status: "firing",
      detail: {
        notification: "k1",
        integration: "pagers/webhook[0]",
        receiver: "pagers",
        outcome: "delivered",
        error: "",
      },
    },
    {
      sequence: 1,
      at: "2026-11-21T11:30:02.000Z",
      kind: "opened",
      status: "firing",
      detail: {
        alerts: {
          count: 1,
          named: [{ fingerprint: "f1", labels: { ...DISK_LABELS, instance: "db-1" } }],
        },
      },
    },
  ],
  deliveries: [
    attempt("2026-11-21T11:30:40.000Z", 2, "delivered", ""),
    attempt("2026-11-21T11:30:10.000Z", 1, "retrying", "connection refused"),
  ],
};

export const SILENCES = [
  {
    id: "0f0e8a4c-0000-4000-8000-000000000001",
    status: { state: "expired" },
    updatedAt: "2026-11-21T09:00:00.000Z",
    comment: "deployed",
    createdBy: "Ben",
    startsAt: "2026-11-21T08:00:00.000Z",
    endsAt: "2026-11-21T09:00:00.000Z",
    matchers: [{ name: "service", value: "checkout", isRegex: false, isEqual: true }],
  },
  {
    id: "0f0e8a4c-0000-4000-8000-000000000002",
    status: { state: "active" },
    updatedAt: "2026-11-21T11:00:00.000Z",
    comment: "backup window",
    createdBy: "Ann",
    startsAt: "2026-11-21T11:00:00.000Z",
    endsAt: "2027-11-21T11:00:00.000Z",
    matchers: [
      { name: "team", value: "storage", isRegex: false, isEqual: true },
      { name: "instance", value: "db-.*", isRegex: true, isEqual: false },
    ],
    recurrence: { rrule: "FREQ=WEEKLY;BYDAY=SU", duration: "3h", timeZone: "Europe/Berlin" },
  },
];

/** What a silence is answered with when it is made. */
export const KEPT_SILENCE = {
  ...SILENCES[1],
  window: { startsAt: "2026-11-22T11:00:00.000Z", endsAt: "2026-11-22T14:00:00.000Z" },
};

export const SILENCE_PREVIEW = {
  total: 7,
  count: 1,
  alerts: [{ fingerprint: "f1", labels: { ...DISK_LABELS, instance: "db-1" }, silencedBy: ["s1"] }],
  windows: [
    { startsAt: "2026-11-22T02:00:00.000Z", endsAt: "2026-11-22T06:00:00.000Z" },
    { startsAt: "2026-11-29T02:00:00.000Z", endsAt: "2026-11-29T06:00:00.000Z" },
  ],
};

function route(id: string, extra: object): object {
  return {
    id,
    key: id,
    matchers: [],
    receiver: "team",
    groupBy: ["alertname"],
    groupWait: "30s",
    groupInterval: "5m",
    repeatInterval: "4h",
    muteTimeIntervals: [],
    activeTimeIntervals: [],
    continue: false,
    routes: [],
    ...extra,
  };
}

function integration(name: string, extra: object = {}): object {
  return {
    integration: name,
    kind: "webhook",
    sendResolved: true,
    circuit: "closed",
    waiting: 0,
    sending: 0,
    ...extra,
  };
}

export const ROUTING = {
  route: route("{}", {
    routes: [
      route('{}/{team="storage"}', {
        matchers: ['team="storage"'],
        receiver: "storage",
        repeatInterval: "15m",
        muteTimeIntervals: ["nights"],
        activeTimeIntervals: ["weekends"],
        continue: true,
      }),
    ],
  }),
  receivers: [
    { name: "team", integrations: [integration("team/webhook[0]")] },
    {
      name: "storage",
      integrations: [
        integration("storage/webhook[0]", { circuit: "open", waiting: 3, sendResolved: false }),
      ],
    },
    { name: "nobody", integrations: [] },
  ],
  timeIntervals: [
    { name: "nights", active: true },
    { name: "weekends", active: false },
  ],
};

export const RECEIVER_TEST = {
  receiver: "storage",
  integrations: [
    {
      integration: "storage/webhook[0]",
      status: "failed",
      error: "connection refused",
      transient: true,
      durationMs: 12,
    },
  ],
};

export const DELIVERIES = {
  deliveries: [
    {
      id: "d1",
      at: "2026-11-21T11:59:00.000Z",
      key: "k1",
      integration: "storage/webhook[0]",
      receiver: "storage",
      groupKey: '{}:{alertname="DiskFull"}',
      incident: null,
      reason: "first notification",
      firing: 2,
      resolved: 0,
      outcome: "retrying",
      error: "connection refused",
      attempt: 2,
      durationMs: 41,
      server: "a",
    },
  ],
  cursor: "older",
};

function previewAt(at: string, extra: object): object {
  return {
    at,
    told: true,
    silencedBy: [],
    inhibitedBy: [],
    routes: [
      {
        key: '{}/{team="storage"}',
        receiver: "storage",
        integrations: ["storage/webhook[0]"],
        groupWait: "30s",
        mutedBy: [],
      },
    ],
    escalation: null,
    ...extra,
  };
}

export const PAGE_PREVIEW = {
  labels: { team: "storage" },
  times: [
    previewAt("2026-11-21T12:00:00.000Z", {
      escalation: {
        policy: "critical",
        steps: [
          {
            step: 1,
            at: "2026-11-21T12:00:00.000Z",
            names: ["ada (schedule primary)"],
            receivers: ["storage"],
            gaps: [],
          },
          {
            step: 2,
            at: "2026-11-21T12:10:00.000Z",
            names: [],
            receivers: [],
            gaps: ["nobody is on call in secondary"],
          },
        ],
      },
    }),
    previewAt("2026-11-21T13:00:00.000Z", { told: false, silencedBy: ["s1"] }),
  ],
};

const onDuty = (contact: string, override: string | null = null): object => ({
  contact,
  layer: override === null ? "weekly" : null,
  override,
});

const SHIFT = {
  onDuty: onDuty("grace"),
  startsAt: "2026-11-22T08:00:00.000Z",
  endsAt: "2026-11-29T08:00:00.000Z",
};

export const ONCALL = {
  schedules: [
    {
      name: "primary",
      timeZone: "Europe/Berlin",
      now: onDuty("ada", "o1"),
      until: "2026-11-22T08:00:00.000Z",
      next: SHIFT,
    },
  ],
  contacts: [
    { name: "ada", receivers: ["storage"] },
    { name: "grace", receivers: ["team"] },
  ],
  teams: [],
  policies: [
    {
      name: "critical",
      severities: null,
      priorities: ["P1"],
      matchers: [],
      steps: [
        { after: "0s", notify: [{ kind: "schedule", name: "primary" }] },
        { after: "10m", notify: [{ kind: "contact", name: "lead" }] },
      ],
      repeat: { after: "1h", times: 2 },
    },
  ],
};

export const SHIFTS = {
  schedule: "primary",
  timeZone: "Europe/Berlin",
  shifts: [
    {
      onDuty: onDuty("ada", "o1"),
      startsAt: "2026-11-15T08:00:00.000Z",
      endsAt: "2026-11-22T08:00:00.000Z",
    },
    SHIFT,
    { onDuty: null, startsAt: "2026-11-29T08:00:00.000Z", endsAt: "2026-12-20T08:00:00.000Z" },
  ],
  layers: [{ name: "weekly", shifts: [SHIFT] }],
};

export const OVERRIDES = {
  overrides: [
    {
      id: "o1",
      schedule: "primary",
      contact: "ada",
      startsAt: "2026-11-20T08:00:00.000Z",
      endsAt: "2026-11-22T08:00:00.000Z",
      by: "Ben",
      comment: "grace is ill",
      createdAt: "2026-11-19T08:00:00.000Z",
    },
  ],
};

export const HEARTBEATS = {
  heartbeats: [
    {
      name: "backup",
      within: "1d",
      lastSeen: "2026-11-20T10:00:00.000Z",
      missingSince: "2026-11-21T10:00:00.000Z",
    },
  ],
};

/** A rule as the API of rules has it. */
export function alertRule(id: string, extra: object = {}): object {
  return {
    id,
    name: "HighLoad",
    type: "alerting",
    enabled: true,
    expr: "node_load1 > 10",
    for: "5m",
    keep_firing_for: "0s",
    interval: "15s",
    labels: { severity: "warning" },
    annotations: {},
    severity: "warning",
    channels: [],
    metric_name: "node_load1",
    metric_query: "node_load1",
    condition: { operator: ">", threshold: "10", duration: "5m" },
    provenance: { source: "api", file: "api:rules", group: "HighLoad", namespace: "rules" },
    state: "inactive",
    health: "ok",
    last_error: "",
    last_evaluation: null,
    active_alerts: 0,
    version: 3,
    author: "Ben",
    updated_at: "2026-11-20T10:00:00.000Z",
    form: "prometheus",
    written: "alert: HighLoad\nexpr: node_load1 > 10\nfor: 5m\n",
    ...extra,
  };
}

const COST = {
  estimated: { series: 1, samples: 2 },
  actual: { series: 1, samples: 2 },
  seconds: 0.01,
};

export const RULE_TEST = {
  would_fire: true,
  value: "12",
  name: "HighLoad",
  expr: "node_load1 > 10",
  for: "5m",
  alerts: [
    {
      labels: { alertname: "HighLoad", instance: "a" },
      annotations: {},
      state: "firing",
      value: "12",
      active_at: "2026-11-21T11:50:00.000Z",
    },
  ],
  warnings: ["severity was not said"],
  cost: COST,
};

export const RULE_REPLAY = {
  start: "2026-11-20T12:00:00.000Z",
  end: "2026-11-21T12:00:00.000Z",
  step: "15s",
  firings: 2,
  notifications: 1,
  notifications_by_receiver: { team: 1 },
  intervals: [
    {
      labels: { alertname: "HighLoad", instance: "a" },
      pending_at: "2026-11-21T06:00:00.000Z",
      start: "2026-11-21T06:05:00.000Z",
      end: "2026-11-21T06:35:00.000Z",
      value: "11",
    },
    {
      labels: { alertname: "HighLoad", instance: "b" },
      pending_at: "2026-11-21T11:00:00.000Z",
      start: "2026-11-21T11:05:00.000Z",
      end: null,
      value: "12",
    },
  ],
  truncated: false,
  cost: COST,
};
