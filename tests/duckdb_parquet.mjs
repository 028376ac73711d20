// SPDX-License-Identifier: Apache-2.0
// What DuckDB, an independent reader, finds in Parquet files; the same JSON as tests/parquet_dump.cc prints.
//
//   FOLDER: its node_modules holds @duckdb/node-api
//   node duckdb_parquet.mjs FOLDER dump FILE...       one line of JSON for each file: rows, columns, their checksums
//   node duckdb_parquet.mjs FOLDER samples DIRECTORY  files of DuckDB's own making, in every encoding that it has
import {createHash} from 'node:crypto';
import {createRequire} from 'node:module';
import path from 'node:path';

const [folder, verb, ...rest] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(folder), 'package.json'));
const duckdb = require('@duckdb/node-api');
const instance = await duckdb.DuckDBInstance.create(':memory:', {threads: '1'});
const db = await instance.connect();
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

// A value as bytes: a letter for its kind, then little-endian 64-bit numbers or counted bytes. The order is the file's.
class Canon {
  constructor() {
    this.hash = createHash('sha256');
    this.buffer = Buffer.alloc(1 << 16);
    this.at = 0;
  }
  room(count) {
    if (this.at + count > this.buffer.length) this.flush();
  }
  flush() {
    this.hash.update(this.buffer.subarray(0, this.at));
    this.at = 0;
  }
  letter(text) {
    this.room(9);
    this.at = this.buffer.writeUInt8(text.charCodeAt(0), this.at);
  }
  integer(text, value) {
    this.letter(text);
    this.at = this.buffer.writeBigInt64LE(BigInt(value), this.at);
  }
  bytes(value) {
    this.integer('S', value.length);
    this.flush();
    this.hash.update(value);
  }
  value(type, value) {
    if (value === null || value === undefined) return this.letter('N');
    switch (type.typeId) {
      case duckdb.DuckDBTypeId.BOOLEAN:
        return this.integer('B', value ? 1 : 0);
      case duckdb.DuckDBTypeId.INTEGER:
      case duckdb.DuckDBTypeId.BIGINT:
        return this.integer('I', value);
      case duckdb.DuckDBTypeId.FLOAT:
      case duckdb.DuckDBTypeId.DOUBLE:
        this.letter('F');
        this.at = this.buffer.writeDoubleLE(value, this.at);
        return;
      case duckdb.DuckDBTypeId.VARCHAR:
        return this.bytes(Buffer.from(value, 'utf8'));
      case duckdb.DuckDBTypeId.BLOB:
        return this.bytes(value.bytes);
      case duckdb.DuckDBTypeId.LIST:
        this.integer('L', value.items.length);
        for (const item of value.items) this.value(type.valueType, item);
        return;
      case duckdb.DuckDBTypeId.STRUCT:
        this.letter('R');
        type.entryNames.forEach((name, i) => this.value(type.entryTypes[i], value.entries[name]));
        return;
      default:
        throw new Error(`no canonical form for DuckDB's ${type}`);
    }
  }
  hex() {
    this.flush();
    return this.hash.digest('hex');
  }
}

async function dump(file) {
  const read = await db.runAndReadAll(`SELECT * FROM read_parquet(${quoted(file)})`);
  const names = read.columnNames();
  const types = read.columnTypes();
  const columns = read.getColumns().map((values, c) => {
    const canon = new Canon();
    for (const value of values) canon.value(types[c], value);
    return {name: names[c], sha256: canon.hex()};
  });
  return {file: path.basename(file), rows: read.currentRowCount, columns};
}

async function samples(directory) {
  await db.run(`CREATE TABLE t AS SELECT
      i::INTEGER AS i32, (i * i * 1000003 - 77)::BIGINT AS i64, (i / 7.0)::FLOAT AS f32, sqrt(i + 0.0)::DOUBLE AS f64,
      i % 3 = 0 AS flag, (i % 5)::BIGINT AS few, 'name ' || (i % 11) AS word, 'a long text that begins alike ' || i AS text,
      ('bytes ' || i)::BLOB AS blob, CASE WHEN i % 4 = 0 THEN NULL ELSE i::BIGINT END AS gaps,
      CASE WHEN i % 6 = 0 THEN NULL ELSE [(i + k)::FLOAT FOR k IN range(i % 4)] END AS list,
      [[[i::DOUBLE, NULL], []], NULL, [[0.5::DOUBLE]]] AS deep,
      CASE WHEN i % 9 = 0 THEN NULL ELSE {bytes: ('png ' || i)::BLOB, path: CASE WHEN i % 2 = 0 THEN 'p' || i END} END
        AS image,
      [{x: i::INTEGER, y: 'y' || i}, NULL] AS pairs
    FROM range(5000) r(i)`);
  for (const version of ['V1', 'V2']) {
    for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd']) {
      const file = path.join(directory, `duckdb_${version}_${codec}.parquet`);
      await db.run(`COPY t TO ${quoted(file)} (FORMAT parquet, PARQUET_VERSION ${version}, COMPRESSION ${codec},
          ROW_GROUP_SIZE 2048)`);
    }
  }
  // What was chosen, so that the test can see that it covers the encodings.
  const used = await db.runAndReadAll(`SELECT DISTINCT unnest(string_split(encodings, ', '))
      FROM parquet_metadata(${quoted(path.join(directory, 'duckdb_*.parquet'))}) ORDER BY 1`);
  return {encodings: used.getRows().map((row) => row[0])};
}

if (verb === 'samples') {
  console.log(JSON.stringify(await samples(rest[0])));
} else if (verb === 'dump') {
  for (const file of rest) console.log(JSON.stringify(await dump(file)));
} else {
  console.error('usage: node duckdb_parquet.mjs FOLDER dump FILE... | samples DIRECTORY');
  process.exitCode = 2;
}
