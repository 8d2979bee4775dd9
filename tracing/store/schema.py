"""The tables of traces.db. Migrations are append-only: a published one is never edited."""

from collections.abc import Sequence

from tracing.sqlite import Migration
from tracing.store.reindex import reindex

COMPONENT = "traces"

MIGRATIONS: Sequence[Migration] = (
    """
CREATE TABLE trace(
  trace_id TEXT PRIMARY KEY,
  root_span_id TEXT NOT NULL,
  name TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  session_id TEXT,
  status TEXT NOT NULL,
  error TEXT,
  started_at_ns INTEGER NOT NULL,
  ended_at_ns INTEGER,
  updated_at_ns INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  story TEXT NOT NULL,
  repo TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_started TEXT NOT NULL,
  owner_boot TEXT NOT NULL,
  spans INTEGER NOT NULL DEFAULT 0,
  errors INTEGER NOT NULL DEFAULT 0,
  turns INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  cache_read_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  cost_micros INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX trace_started ON trace(started_at_ns);
CREATE INDEX trace_story ON trace(story, started_at_ns);
CREATE INDEX trace_repo ON trace(repo, started_at_ns);
CREATE INDEX trace_open ON trace(trace_id) WHERE ended_at_ns IS NULL;
CREATE TABLE span(
  id INTEGER PRIMARY KEY,
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  parent_span_id TEXT,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT,
  started_at_ns INTEGER NOT NULL,
  ended_at_ns INTEGER,
  attributes TEXT NOT NULL,
  events TEXT NOT NULL,
  input_hash TEXT,
  output_hash TEXT,
  system_hash TEXT,
  tools_hash TEXT,
  conversation_hash TEXT,
  model TEXT,
  errors INTEGER NOT NULL DEFAULT 0,
  turns INTEGER NOT NULL DEFAULT 0,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  cache_read_tokens INTEGER NOT NULL DEFAULT 0,
  cache_write_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  cost_micros INTEGER NOT NULL DEFAULT 0,
  UNIQUE(trace_id, span_id)
);
CREATE INDEX span_llm ON span(started_at_ns) WHERE turns > 0;
CREATE INDEX span_payloads ON span(input_hash);
CREATE INDEX span_outputs ON span(output_hash);
CREATE INDEX span_conversations ON span(conversation_hash);
CREATE TABLE payload(
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  size_bytes INTEGER NOT NULL,
  compressed INTEGER NOT NULL,
  data BLOB
);
CREATE TABLE conversation(
  hash TEXT PRIMARY KEY,
  parent_hash TEXT,
  message_hash TEXT NOT NULL,
  length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversation_messages ON conversation(message_hash);
CREATE VIRTUAL TABLE payload_text USING fts5(text, content='', tokenize='unicode61');
""",
    """
ALTER TABLE trace ADD COLUMN unseen_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN simulated_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE span ADD COLUMN unseen_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE span ADD COLUMN simulated_micros INTEGER NOT NULL DEFAULT 0;
UPDATE span SET simulated_micros = cost_micros WHERE json_extract(attributes, '$."ralph.cost.simulated"');
UPDATE trace SET simulated_micros =
  (SELECT coalesce(sum(simulated_micros), 0) FROM span WHERE span.trace_id = trace.trace_id);
""",
    """
ALTER TABLE span ADD COLUMN gist TEXT NOT NULL DEFAULT '';
ALTER TABLE trace ADD COLUMN findings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN worst INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN analysed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX trace_session ON trace(session_id, started_at_ns);
CREATE INDEX trace_agent ON trace(agent_id, started_at_ns);
CREATE INDEX trace_analysed ON trace(analysed, started_at_ns);
CREATE INDEX trace_worst ON trace(worst, started_at_ns) WHERE worst > 0;
CREATE TABLE finding(
  id INTEGER PRIMARY KEY,
  trace_id TEXT NOT NULL,
  detector TEXT NOT NULL,
  severity INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  title TEXT NOT NULL,
  evidence TEXT NOT NULL,
  remedy TEXT NOT NULL,
  nudge TEXT NOT NULL,
  span_id TEXT NOT NULL,
  span_ids TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL,
  duration_ns INTEGER NOT NULL,
  at_ns INTEGER NOT NULL
);
CREATE INDEX finding_trace ON finding(trace_id);
CREATE INDEX finding_at ON finding(at_ns);
CREATE TABLE mention(
  id INTEGER PRIMARY KEY,
  span INTEGER NOT NULL
);
CREATE INDEX mention_span ON mention(span);
CREATE VIRTUAL TABLE mention_text USING fts5(text, content='', tokenize='unicode61');
""",
    reindex,
    """
CREATE INDEX span_turns ON span(trace_id, started_at_ns) WHERE turns > 0;
CREATE INDEX finding_detector ON finding(detector, severity, trace_id);
""",
    """
CREATE INDEX trace_cost ON trace(cost_micros - unseen_micros);
CREATE INDEX trace_duration ON trace(coalesce(ended_at_ns, updated_at_ns) - started_at_ns);
CREATE INDEX trace_findings ON trace(worst * 1000000 + findings);
DROP INDEX span_llm;
CREATE INDEX span_costs ON span(started_at_ns, model, input_tokens, cache_read_tokens, output_tokens, cost_micros,
  unseen_micros, simulated_micros, trace_id) WHERE turns > 0;
CREATE INDEX span_model ON span(model, trace_id) WHERE turns > 0;
""",
    """
ALTER TABLE trace ADD COLUMN trimmed_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trace ADD COLUMN imported_ns INTEGER NOT NULL DEFAULT 0;
CREATE TABLE loose(
  hash TEXT NOT NULL,
  is_node INTEGER NOT NULL,
  PRIMARY KEY(hash, is_node)
) WITHOUT ROWID;
CREATE TABLE text_volume(
  number INTEGER PRIMARY KEY,
  first_mention INTEGER NOT NULL,
  opened_ns INTEGER NOT NULL,
  is_retired INTEGER NOT NULL DEFAULT 0
);
INSERT INTO text_volume(number, first_mention, opened_ns) VALUES (0, 0, 0);
CREATE INDEX span_system ON span(system_hash) WHERE system_hash IS NOT NULL;
CREATE INDEX span_tools ON span(tools_hash) WHERE tools_hash IS NOT NULL;
CREATE INDEX conversation_parents ON conversation(parent_hash) WHERE parent_hash IS NOT NULL;
""",
    """
CREATE INDEX trace_ended ON trace(ended_at_ns);
CREATE INDEX span_failed ON span(trace_id) WHERE errors > 0;
CREATE INDEX span_tool_calls ON span(ended_at_ns, trace_id, errors) WHERE kind = 'TOOL' AND ended_at_ns IS NOT NULL;
CREATE TABLE score(
  id TEXT PRIMARY KEY,
  trace_id TEXT NOT NULL REFERENCES trace(trace_id) ON DELETE CASCADE,
  span_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value REAL NOT NULL,
  comment TEXT NOT NULL,
  source TEXT NOT NULL,
  at_ns INTEGER NOT NULL
);
CREATE INDEX score_trace ON score(trace_id, at_ns);
CREATE INDEX score_agent ON score(name, agent_id, at_ns);
""",
    """
DROP TABLE loose;
CREATE TABLE loose(
  is_node INTEGER NOT NULL,
  length INTEGER NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY(is_node, length, hash)
) WITHOUT ROWID;
CREATE INDEX trace_imported ON trace(trace_id) WHERE imported_ns > 0;
CREATE TABLE past_calls(
  day INTEGER NOT NULL,
  model TEXT NOT NULL,
  repo TEXT NOT NULL,
  story TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  calls INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL,
  unseen_micros INTEGER NOT NULL,
  simulated_micros INTEGER NOT NULL,
  PRIMARY KEY(day, model, repo, story, agent_id)
) WITHOUT ROWID;
""",
)
