// Views for reports over the documents of alerting, the same as in ../sqlite/sqlite-views.ts: docs/formats/documents.md.

function time(ms: string): string {
  return `to_timestamp((${ms})::double precision / 1000)`;
}

/** A number as Prometheus writes it. */
function number(text: string): string {
  return `replace(${text}, 'Inf', 'Infinity')::double precision`;
}

/** The value of one label in a list of pairs. */
function label(pairs: string, name: string): string {
  return `(SELECT l.value ->> 1 FROM jsonb_array_elements(${pairs}) AS l WHERE l.value ->> 0 = '${name}')`;
}

function labels(pairs: string): string {
  return `(SELECT coalesce(jsonb_object_agg(l.value ->> 0, l.value ->> 1), '{}') FROM jsonb_array_elements(${pairs}) AS l)`;
}

export const POSTGRES_VIEWS = String.raw`
  -- What jsonb does not take, NUL and halves of surrogate pairs, is shown as U+FFFD.
  CREATE FUNCTION pharos_readable(body json) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$ SELECT regexp_replace(body::text, '\\u(0000|d[89a-f][0-9a-f]{2})', '\\ufffd', 'g')::jsonb $$;

  CREATE VIEW alert_rules AS SELECT
    d.id || CASE WHEN r.at = 1 THEN '' ELSE '/' || r.at - 1 END AS rule_id,
    r.rule ->> 'name' AS name,
    coalesce(r.rule #>> '{report,metric_query}', r.rule ->> 'expr') AS metric_query,
    r.rule #> '{report,condition}' AS condition,
    r.rule #>> '{report,severity}' AS severity,
    r.rule #> '{report,channels}' AS notification_channels
  FROM documents AS d, jsonb_array_elements(pharos_readable(d.body) #> '{group,rules}') WITH ORDINALITY AS r(rule, at)
  WHERE d.collection = 'rules' AND r.rule ->> 'kind' = 'alert';

  CREATE VIEW alert_rule AS SELECT
    r.rule ->> 'name' AS name,
    r.rule #>> '{report,metric_name}' AS metric_name,
    r.rule #>> '{report,condition,operator}' AS condition,
    ${number("r.rule #>> '{report,condition,threshold}'")} AS threshold,
    make_interval(secs => (r.rule ->> 'forMs')::double precision / 1000) AS duration,
    r.rule #> '{report,labels}' AS labels,
    r.rule #>> '{report,severity}' AS severity,
    r.rule #> '{report,channels}' AS channels,
    (b.body ->> 'enabled')::boolean AS enabled,
    ${time("b.body ->> 'createdAtMs'")} AS created_at
  FROM documents AS d, pharos_readable(d.body) AS b(body), jsonb_array_elements(b.body #> '{group,rules}') AS r(rule)
  WHERE d.collection = 'rules' AND r.rule ->> 'kind' = 'alert';

  CREATE VIEW alert_incidents AS SELECT
    i.incident_id, r.rule_id, i.status, i.started_at, i.resolved_at, i.name, i.severity, i.priority, i.labels
  FROM (
    SELECT
      d.id AS incident_id,
      b.body ->> 'status' AS status,
      ${time("b.body ->> 'startedAtMs'")} AS started_at,
      ${time("b.body ->> 'resolvedAtMs'")} AS resolved_at,
      coalesce(${label("b.body #> '{alerts,0,labels}'", "alertname")}, ${label("b.body -> 'labels'", "alertname")}) AS name,
      b.body ->> 'severity' AS severity,
      b.body ->> 'priority' AS priority,
      ${labels("b.body -> 'labels'")} AS labels
    FROM documents AS d, pharos_readable(d.body) AS b(body) WHERE d.collection = 'incidents'
  ) AS i LEFT JOIN (SELECT name, min(rule_id) AS rule_id FROM alert_rules GROUP BY name) AS r ON r.name = i.name;

  CREATE VIEW alert_instance AS SELECT
    ${label("a.alert -> 'labels'", "alertname")} AS rule,
    a.alert ->> 'fingerprint' AS fingerprint,
    a.alert #>> '{state,phase}' AS state,
    ${time("a.alert #>> '{state,activeAtMs}'")} AS pending_since,
    ${time("a.alert #>> '{state,firedAtMs}'")} AS firing_since,
    ${time("a.alert #>> '{state,resolvedAtMs}'")} AS resolved_at,
    ${number("(a.alert ->> 'value')")} AS current_value,
    ${labels("a.alert -> 'labels'")} AS labels,
    coalesce(n.notifications_sent, 0) AS notifications_sent,
    ${time("n.last_notification_ms")} AS last_notification_at,
    ${time("b.body ->> 'evaluatedAtMs'")} AS updated_at
  FROM documents AS d CROSS JOIN pharos_readable(d.body) AS b(body)
  CROSS JOIN jsonb_array_elements(b.body -> 'alerts') AS a(alert)
  LEFT JOIN (
    SELECT
      i.alert ->> 'fingerprint' AS fingerprint,
      max((c.body ->> 'notificationCount')::integer) AS notifications_sent,
      max((SELECT max(t.sort_key) FROM document_tags AS t JOIN document_tags AS k USING (collection, sort_key, id)
        WHERE t.collection = 'incident_events' AND t.tag = 'incident=' || e.id AND k.tag = 'kind=notified')
      ) AS last_notification_ms
    FROM document_tags AS live JOIN documents AS e ON e.collection = live.collection AND e.id = live.id
    CROSS JOIN pharos_readable(e.body) AS c(body) CROSS JOIN jsonb_array_elements(c.body -> 'alerts') AS i(alert)
    WHERE live.collection = 'incidents' AND live.tag = 'live'
    GROUP BY 1
  ) AS n ON n.fingerprint = a.alert ->> 'fingerprint'
  WHERE d.collection = 'rule_states';
`;
