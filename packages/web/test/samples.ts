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
