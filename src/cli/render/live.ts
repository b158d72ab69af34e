import { visible } from '../../foundation/core/visible.ts';
import type { Listr, ListrTaskState } from 'listr2';
import type { Observation } from '../../foundation/core/observe.ts';
import type { Renderer } from './open.ts';
import { Progress, type GroupView } from './progress.ts';

/** Ten pictures a second: smooth to the eye, and nothing to a slow link. */
const FRAME_MS = 100;

/**
 * A picture of the work that is redrawn in place, for a person at a terminal.
 *
 * listr2 draws: icons, spinner, cutting to the width, holding back what others write meanwhile. It does not run
 * anything: its tasks are promises known beforehand, ours are events that arrive. So each group of events is one listr
 * task whose title and state are set from outside, and `Listr.run`, which would also take over SIGINT, is never called.
 */
export function openLiveRenderer(stream: NodeJS.WriteStream): Renderer {
  const progress = new Progress();
  let screen: Screen | undefined;
  return {
    observe(observation: Observation) {
      progress.apply(observation, Date.now());
      screen ??= openScreen(stream, () => progress.views(Date.now()));
    },
    /** Clears the picture, so that a line can be printed. The next observation draws it again below. */
    pause() {
      screen?.close({ keep: false });
      screen = undefined;
    },
    close() {
      screen?.close({ keep: true });
      screen = undefined;
    },
  };
}

interface Screen {
  close(options: { keep: boolean }): void;
}

function openScreen(stream: NodeJS.WriteStream, views: () => GroupView[]): Screen {
  let drawer: Drawer | undefined;
  let closed: { keep: boolean } | undefined;
  // listr2 takes 60 ms to load: only those who watch pay for it.
  void import('listr2').then(async (listr2) => {
    if (closed === undefined) drawer = await openDrawer(listr2, stream, views);
    if (closed !== undefined) drawer?.end(closed);
  });
  return {
    close(options) {
      closed = { keep: false };
      if (drawer !== undefined) drawer.end(options);
      else if (options.keep) stream.write(views().map(asText).join(''));
    },
  };
}

/** For what was over before anything could be drawn. */
function asText({ headline, details }: GroupView): string {
  return [headline, ...details.map((line) => `  ${line}`), ''].join('\n');
}

interface Drawer {
  end(options: { keep: boolean }): void;
}

type Listr2 = typeof import('listr2');
type Tasks = Listr<object, 'default', 'default'>;
type Task = Tasks['tasks'][number];

async function openDrawer(listr2: Listr2, stream: NodeJS.WriteStream, views: () => GroupView[]): Promise<Drawer> {
  const tasks = new listr2.Listr<object, 'default', 'default'>([], {
    registerSignalListeners: false,
    exitOnError: false,
  });
  const output = new listr2.ProcessOutput(stream, stream);
  const options = { ...LOOK, logger: new listr2.ListrLogger({ useIcons: true, processOutput: output }) };
  const renderer = new listr2.DefaultRenderer(tasks.tasks, options, tasks.events);
  const refresh = (final: boolean): void =>
    views().forEach((view, index) => show(tasks, index, view, stateOf(view, listr2.ListrTaskState, final)));
  refresh(false);
  await renderer.render();
  const timer = setInterval(refresh, FRAME_MS, false).unref();
  return {
    end({ keep }) {
      clearInterval(timer);
      refresh(keep);
      const picture = renderer.create({ prompt: false });
      renderer.end();
      if (keep) stream.write(`${picture}\n`);
    },
  };
}

/** Idle groups wait for more, and all that came is done: their mark is the tick. */
const LOOK = {
  icon: { WAITING: '✔', SKIPPED_WITH_COLLAPSE: '■' },
  formatOutput: 'truncate' as const,
  clearOutput: true,
};

/** listr2 freezes the line of a task that it takes for finished, so nothing is, before the last picture. */
function stateOf({ state }: GroupView, states: typeof ListrTaskState, final: boolean): ListrTaskState {
  if (!final) return state === 'idle' ? states.WAITING : states.STARTED;
  return { idle: states.COMPLETED, busy: states.SKIPPED, failed: states.FAILED }[state];
}

function show(tasks: Tasks, index: number, view: GroupView, state: ListrTaskState): void {
  const task = tasks.tasks[index] ?? added(tasks, view.name);
  task.title = [view.headline, ...view.details.map((line) => `  ${line}`)].map(visible).join('\n');
  task.state = state;
}

function added(tasks: Tasks, title: string): Task {
  tasks.add({ title, task: () => undefined });
  const task = tasks.tasks.at(-1);
  if (task === undefined) throw new Error('listr2 kept no task');
  void task.check({}); // makes it visible, as `run` would
  return task;
}
