// Views for reports over the documents of alerting, the same as in ../postgres/postgres-views.ts: docs/formats/documents.md.

/** A time in ms as text of ISO 8601 in UTC. */
function time(ms: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`;
}

/** A number as Prometheus writes it; SQLite has no NaN. */
function number(text: string): string {
  return `CASE ${text} WHEN '+Inf' THEN 9e999 WHEN '-Inf' THEN -9e999 WHEN 'NaN' THEN NULL ELSE CAST(${text} AS REAL) END`;
}

/** The value of one label in a list of pairs. */
function label(body: string, path: string, name: string): string {
  return `(SELECT l.value ->> 1 FROM json_each(${body}, '${path}') AS l WHERE l.value ->> 0 = '${name}')`;
}

function labels(body: string, path: string): string {
  return `(SELECT json_group_object(l.value ->> 0, l.value ->> 1) FROM json_each(${body}, '${path}') AS l)`;
}

export const SQLITE_VIEWS: readonly string[] = [
  `CREATE VIEW alert_rules AS SELECT
    d.id || iif(r.key = 0, '', '/' || r.key) AS rule_id,
    r.value ->> '$.name' AS name,
    coalesce(r.value ->> '$.report.metric_query', r.value ->> '$.expr') AS metric_query,
    r.value -> '$.report.condition' AS condition,
    r.value ->> '$.report.severity' AS severity,
    r.value -> '$.report.channels' AS notification_channels
  FROM documents AS d, json_each(d.body, '$.group.rules') AS r
  WHERE d.collection = 'rules' AND r.value ->> '$.kind' = 'alert'`,

  `CREATE VIEW alert_rule AS SELECT
    r.value ->> '$.name' AS name,
    r.value ->> '$.report.metric_name' AS metric_name,
    r.value ->> '$.report.condition.operator' AS condition,
    ${number("r.value ->> '$.report.condition.threshold'")} AS threshold,
    ((r.value ->> '$.forMs') / 1000.0) || ' seconds' AS duration,
    r.value -> '$.report.labels' AS labels,
    r.value ->> '$.report.severity' AS severity,
    r.value -> '$.report.channels' AS channels,
    d.body ->> '$.enabled' AS enabled,
    ${time("(d.body ->> '$.createdAtMs')")} AS created_at
  FROM documents AS d, json_each(d.body, '$.group.rules') AS r
  WHERE d.collection = 'rules' AND r.value ->> '$.kind' = 'alert'`,

  `CREATE VIEW alert_incidents AS SELECT
    i.incident_id, r.rule_id, i.status, i.started_at, i.resolved_at, i.name, i.severity, i.priority, i.labels
  FROM (
    SELECT
      d.id AS incident_id,
      d.body ->> '$.status' AS status,
      ${time("(d.body ->> '$.startedAtMs')")} AS started_at,
      ${time("(d.body ->> '$.resolvedAtMs')")} AS resolved_at,
      coalesce(${label("d.body", "$.alerts[0].labels", "alertname")}, ${label("d.body", "$.labels", "alertname")}) AS name,
      d.body ->> '$.severity' AS severity,
      d.body ->> '$.priority' AS priority,
      ${labels("d.body", "$.labels")} AS labels
    FROM documents AS d WHERE d.collection = 'incidents'
  ) AS i LEFT JOIN (SELECT name, min(rule_id) AS rule_id FROM alert_rules GROUP BY name) AS r ON r.name = i.name`,

  `CREATE VIEW alert_instance AS SELECT
    ${label("a.value", "$.labels", "alertname")} AS rule,
    a.value ->> '$.fingerprint' AS fingerprint,
    a.value ->> '$.state.phase' AS state,
    ${time("(a.value ->> '$.state.activeAtMs')")} AS pending_since,
    ${time("(a.value ->> '$.state.firedAtMs')")} AS firing_since,
    ${time("(a.value ->> '$.state.resolvedAtMs')")} AS resolved_at,
    ${number("a.value ->> '$.value'")} AS current_value,
    ${labels("a.value", "$.labels")} AS labels,
    coalesce(n.notifications_sent, 0) AS notifications_sent,
    ${time("n.last_notification_ms")} AS last_notification_at,
    ${time("(d.body ->> '$.evaluatedAtMs')")} AS updated_at
  FROM documents AS d, json_each(d.body, '$.alerts') AS a
  LEFT JOIN (
    SELECT
      i.value ->> '$.fingerprint' AS fingerprint,
      max(e.body ->> '$.notificationCount') AS notifications_sent,
      max((SELECT max(t.sort_key) FROM document_tags AS t JOIN document_tags AS k USING (collection, sort_key, id)
        WHERE t.collection = 'incident_events' AND t.tag = 'incident=' || e.id AND k.tag = 'kind=notified')
      ) AS last_notification_ms
    FROM document_tags AS live JOIN documents AS e ON e.collection = live.collection AND e.id = live.id,
      json_each(e.body, '$.alerts') AS i
    WHERE live.collection = 'incidents' AND live.tag = 'live'
    GROUP BY 1
  ) AS n ON n.fingerprint = a.value ->> '$.fingerprint'
  WHERE d.collection = 'rule_states'`,
];
