import { GENERATED } from './markdown.js';

export function configPage() {
  return ['# Configuration', '', GENERATED, ''].join('\n');
}
