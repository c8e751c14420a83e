-- A history of version 1: what the first step of history/schema.cpp makes, with two frames and an event.
CREATE TABLE lives (
  id INTEGER PRIMARY KEY,
  identity TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL
);
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE ticks (
  life INTEGER NOT NULL,
  tier INTEGER NOT NULL,
  time INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (life, tier, time)
) WITHOUT ROWID;
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  life INTEGER NOT NULL,
  tier INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX blocks_of_lives ON blocks (life, tier, first);
CREATE INDEX blocks_by_age ON blocks (tier, last);
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  life INTEGER,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX events_by_age ON events (time);
PRAGMA application_id = 1752658993;
PRAGMA user_version = 1;
INSERT INTO lives VALUES (1, 'boot/7/100', 'process', 'shop', 'shopd', 7, 1000, 10000, 20000);
INSERT INTO series VALUES (1, 'rss');
INSERT INTO ticks VALUES (1, 0, 20000, X'01010101C0B8020100010C');
INSERT INTO blocks VALUES (1, 1, 0, 10000, 10000, X'01010101A09C010100010A');
INSERT INTO events VALUES (1, NULL, 20000, 'restart', 'the agent began');
