// One more reporter of vitest. `onTestRunEnd` is called by vitest from 3 on, `onFinished` by those before.
const STATES = { pass: 'passed', passed: 'passed', fail: 'failed', failed: 'failed' };

function outcome(state, fails) {
  const ended = STATES[state] || 'skipped';
  return ended === 'passed' && fails ? 'xfailed' : ended;
}

function* modern(modules) {
  for (const module of modules) {
    const project = module.project.name;
    const file = project ? `${module.moduleId} > [${project}]` : module.moduleId;
    const tests = [...module.children.allTests()];
    const isLoaded = tests.length > 0 || module.state() !== 'failed';
    if (!isLoaded) yield { uncollected: module.moduleId };
    for (const test of tests) {
      const names = [test.name];
      for (let at = test.parent; at && at.type === 'suite'; at = at.parent) names.unshift(at.name);
      yield { names: [file, ...names], outcome: outcome(test.result().state, test.options.fails) };
    }
  }
}

function* older(task, names) {
  for (const child of task.tasks || []) {
    if (child.type === 'suite') yield* older(child, [...names, child.name]);
    else yield { names: [...names, child.name], outcome: outcome((child.result || {}).state, child.fails) };
  }
}

function* olderFiles(files) {
  for (const file of files) {
    const name = file.projectName ? `${file.filepath} > [${file.projectName}]` : file.filepath;
    if (!file.tasks.length && (file.result || {}).state === 'fail') yield { uncollected: file.filepath };
    yield* older(file, [name]);
  }
}

export default class Reports {
  constructor() {
    process.emit('runner-reports', (given) => (this.given = given));
  }

  tell(events, whole) {
    if (!this.given) return;
    const { say, unique } = this.given;
    for (const event of events) {
      say(event.names ? { id: unique(event.names.join(' > ')), outcome: event.outcome } : event);
    }
    say({ end: true, whole });
    this.given = null;
  }

  onTestRunEnd(modules, errors, reason) {
    this.tell(modern(modules), reason !== 'interrupted');
  }

  onFinished(files) {
    this.tell(olderFiles(files || []), true);
  }
}
