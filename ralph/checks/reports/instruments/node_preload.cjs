'use strict';
// Loaded by NODE_OPTIONS into every node process of a check. Where the process is a test runner, it tells Ralph what runs;
// anywhere else it does nothing. `node --test` is listened to at the stream of its events, jest and vitest get one more
// reporter on their command line. The channel is forgotten in process.env before a test can look; nothing here may throw.
const MOST_ID_BYTES = 3000; // a line within PIPE_BUF is written whole, whoever else writes

function speaker(channel) {
  const fs = require('fs');
  const { createHmac, createHash, randomBytes } = require('crypto');
  const { O_WRONLY, O_NONBLOCK } = fs.constants;
  const writeSync = fs.writeSync;
  const { stringify } = JSON;
  const fd = fs.openSync(channel, O_WRONLY | O_NONBLOCK);
  const key = randomBytes(16);
  const session = randomBytes(6).toString('hex');
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let number = 0;
  let last = Buffer.alloc(0);

  function short(name) {
    const data = Buffer.from(name);
    if (data.length <= MOST_ID_BYTES) return name;
    const digest = createHash('sha256').update(data).digest('hex').slice(0, 16);
    return `${data.toString('utf8', 0, MOST_ID_BYTES - 40)}...${digest}`;
  }

  function write(line) {
    for (;;) {
      try {
        return writeSync(fd, line);
      } catch (error) {
        if (error.code !== 'EAGAIN') return 0;
        Atomics.wait(pause, 0, 0, 1);
      }
    }
  }

  return function say(event) {
    const said = number ? Object.assign({}, event) : Object.assign({ key: key.toString('hex') }, event);
    for (const name of ['id', 'uncollected']) if (said[name]) said[name] = short(said[name]);
    const payload = Buffer.from(stringify(said));
    last = createHmac('sha256', key).update(Buffer.concat([last, payload])).digest().subarray(0, 12);
    write(Buffer.concat([Buffer.from(`${session} ${number} ${last.toString('hex')} `), payload, Buffer.from('\n')]));
    number += 1;
  };
}

function forget() {
  const channel = process.env.RUNNER_REPORTS;
  delete process.env.RUNNER_REPORTS;
  delete process.env.RUNNER_INSTRUMENTS;
  const kept = (process.env.NODE_OPTIONS || '').split(/ ?--require "[^"]*node_preload\.cjs"/).join('').trim();
  if (kept) process.env.NODE_OPTIONS = kept;
  else delete process.env.NODE_OPTIONS;
  return channel;
}

function begin(runner) {
  const say = speaker(forget());
  say({ begin: runner, root: process.cwd() });
  return say;
}

// Tests of one file may share a name; the second one is told apart by its number.
function numbered() {
  const times = new Map();
  return (id) => {
    const time = (times.get(id) || 0) + 1;
    times.set(id, time);
    return time === 1 ? id : `${id} (${time})`;
  };
}

function nodeOutcome(failed, data) {
  const given = (mark) => mark !== undefined && mark !== false;
  if (given(data.todo)) return failed ? 'xfailed' : 'skipped';
  if (given(data.skip)) return 'skipped';
  return failed ? 'failed' : 'passed';
}

// What counts is the event itself: it is emitted on the stream of the runner whatever reporter prints it.
function nodeListener(start) {
  const open = new Map();
  const unique = numbered();
  let say;
  let pending = 0;
  let finished = false;

  function ended(failed, data) {
    const details = data.details || {};
    const cause = (details.error || {}).failureType;
    const outcome = nodeOutcome(failed, data);
    if (details.type === 'suite' && (outcome === 'passed' || cause === 'subtestsFailed')) return;
    const file = data.file || '';
    const parents = (open.get(file) || []).slice(0, data.nesting);
    const names = data.name === file || file.endsWith(`/${data.name}`) ? [] : [...parents, data.name];
    say({ id: unique([file, ...names].join(' > ')), outcome });
  }

  const heard = {
    'test:enqueue': () => (pending += 1),
    'test:complete': () => (pending -= 1),
    'test:start'(data) {
      const names = (open.get(data.file || '') || []).slice(0, data.nesting);
      names[data.nesting] = data.name;
      open.set(data.file || '', names);
    },
    'test:pass': (data) => ended(false, data),
    'test:fail': (data) => ended(true, data),
    'test:diagnostic': (data) => (finished = finished || (data.nesting === 0 && /^duration_ms /.test(data.message))),
  };
  return (type, data) => {
    if (!say) {
      say = start();
      process.on('exit', () => say({ end: true, whole: finished && pending === 0 }));
    }
    if (heard[type] && data) heard[type](data);
  };
}

function listenToNode(start) {
  const { Readable } = require('stream');
  const { emit } = require('events').prototype;
  const listener = nodeListener(start);
  const isEvent = (type) => typeof type === 'string' && type.startsWith('test:');
  Readable.prototype.emit = function (type, data) {
    if (isEvent(type)) {
      try {
        listener(type, data);
      } catch (error) {
        /* the tests go on */
      }
    }
    return emit.apply(this, arguments);
  };
}

const SUBCOMMANDS = ['bench', 'init', 'list', 'typecheck'];

// Handed over once, and by an event: a runner may load our reporter with a loader of its own, which finds no module of ours.
function addReporter(runner, ...words) {
  const say = begin(runner);
  process.once('runner-reports', (give) => give({ say, unique: numbered() }));
  process.argv.push(...words);
}

function has(option) {
  return process.argv.some((word) => word === option || word.startsWith(`${option}=`));
}

function ask() {
  const script = (process.argv[1] || '').replace(/\\/g, '/');
  if (process.execArgv.includes('--test')) {
    const say = begin('node');
    listenToNode(() => say);
  } else if (/\/(\.bin\/jest|jest(-cli)?\/bin\/jest(\.js)?)$/.test(script)) {
    const asks = ['--version', '-v', '--help', '-h', '--init', '--showConfig', '--listTests', '--clearCache'];
    if (!has('--testResultsProcessor') && !asks.some(has)) {
      addReporter('jest', '--testResultsProcessor', `${__dirname}/jest_results.cjs`);
    }
  } else if (/\/(\.bin\/vitest|vitest\/vitest\.mjs)$/.test(script)) {
    const asks = ['--version', '-v', '--help', '-h', '--mergeReports', '--merge-reports'];
    if (!SUBCOMMANDS.includes(process.argv[2]) && !asks.some(has)) {
      const own = has('--reporter') ? [] : ['--reporter=default'];
      addReporter('vitest', ...own, `--reporter=${__dirname}/vitest_reporter.mjs`);
    }
  } else if (/test|spec/i.test(script)) {
    listenToNode(() => begin('node')); // `node test/all.js`, where the file imports node:test
  }
}

try {
  if (process.env.RUNNER_REPORTS && !process.env.NODE_TEST_CONTEXT && require('worker_threads').isMainThread) ask();
} catch (error) {
  /* an old node: the check runs as if this were not here */
}
