/* The objects of numbers that repeat: they are made once. */
#include "module.h"

PyObject *sn_few[SN_MOST - SN_FEWEST + 1];

bool sn_numbers_init(void)
{
    for (int i = SN_FEWEST; i <= SN_MOST; i++)
        if (sn_few[i - SN_FEWEST] == NULL && (sn_few[i - SN_FEWEST] = PyLong_FromLong(i)) == NULL)
            return false;
    return true;
}

PyObject *sn_int_anew(sn_last *last, long long number)
{
    PyObject *object = sn_int(number);
    if (object != NULL) {
        Py_XDECREF(last->object);
        last->object = Py_NewRef(object);
        last->number = number;
    }
    return object;
}
