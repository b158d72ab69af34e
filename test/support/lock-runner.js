/** One starter of a race: says `here`, takes the lock at `go`, tells what it got, keeps it until `end`. */
import { lockDirectory } from '../../dist/foundation/process/directory-lock.js';

process.on('message', (word) => {
  if (word === 'end') process.disconnect();
  else
    lockDirectory(process.argv[2], Date.now()).then(
      () => process.send('taken'),
      (error) => process.send(error.code ?? String(error)),
    );
});
process.send('here');
