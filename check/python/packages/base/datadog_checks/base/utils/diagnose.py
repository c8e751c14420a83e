"""What a check finds out about its own set-up, for those who ask."""
from collections import namedtuple

_Found = namedtuple("Result", "result name diagnosis category description remediation rawerror")


class Diagnosis:
    DIAGNOSIS_SUCCESS, DIAGNOSIS_FAIL, DIAGNOSIS_WARNING, DIAGNOSIS_UNEXPECTED_ERROR = range(4)
    Result = _Found

    def __init__(self, sanitize=None):
        self._sanitize = sanitize or (lambda text: text)
        self._diagnostics, self._diagnoses = [], []

    @property
    def diagnoses(self):
        return self._diagnoses

    def clear(self):
        self._diagnoses = []

    def register(self, *diagnostics):
        """Functions that run_explicit() calls, in this order."""
        self._diagnostics.extend(diagnostics)

    def _add(self, result, name, diagnosis, category=None, description=None, remediation=None, rawerror=None):
        texts = (text and self._sanitize(text) for text in (description, remediation, rawerror))
        self._diagnoses.append(_Found(result, name, diagnosis, category, *texts))

    def success(self, *args, **keywords):
        self._add(self.DIAGNOSIS_SUCCESS, *args, **keywords)

    def fail(self, *args, **keywords):
        self._add(self.DIAGNOSIS_FAIL, *args, **keywords)

    def warning(self, *args, **keywords):
        self._add(self.DIAGNOSIS_WARNING, *args, **keywords)

    def run_explicit(self):
        """What the registered functions find, which is not kept."""
        kept, self._diagnoses = self._diagnoses, []
        for diagnostic in self._diagnostics:
            try:
                diagnostic()
            except Exception as error:
                self._add(self.DIAGNOSIS_UNEXPECTED_ERROR, "", "", rawerror=str(error))
        found, self._diagnoses = self._diagnoses, kept
        return found
