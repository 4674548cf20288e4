// Comfort for those who run scripts; every page works without it.
import './js/times.js';
import './js/toasts.js';
import './js/copy.js';
import './js/busy.js';
import './js/files.js';
import './js/progress.js';
import './js/issue.js';
import './js/confirm.js';
import './js/leaving.js';
import './js/problems.js';
import './js/view.js';
import './js/menu.js';
import './js/list.js';
import './js/selection.js';
import './js/keys.js';
